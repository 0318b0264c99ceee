"""Each interlock of logging in and of becoming root: it holds, and what unlocks it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thornwall.model.change import (
    Account,
    AccountDo,
    AccountField,
    EditLine,
    OwnLine,
    Purpose,
    RemoveFile,
    Wish,
    WriteFile,
)
from thornwall.model.originals import Originals
from thornwall.model.plan import Answers, Mend, Step, WayIn
from thornwall.model.secret import Secret
from thornwall.plan.fix import Hold
from thornwall.plan.interlocks.login import password_login_off
from thornwall.plan.ways_in import ageing, shut_out

from .ways import ED25519, GROUP, OVER_SSH, PASSWD, PROVED, SHADOW, Host

DROP_IN = "/etc/ssh/sshd_config.d/00-thornwall.conf"
MAIN = "/etc/ssh/sshd_config"
NOPASSWD = "/etc/sudoers.d/010_pi-nopasswd"
FREE: dict[str, str | None] = {NOPASSWD: "pi ALL=(ALL) NOPASSWD: ALL\n"}
ANSWERED = Answers(passwords={"pi": Secret("correct horse battery")})
TWO: dict[str, str | None] = {
    "/etc/passwd": PASSWD + "webcam:x:1001:1001::/home/webcam:/bin/bash\n",
    "/etc/shadow": SHADOW + "webcam:yescrypt:20700:0:99999:7:::\n",
    "/etc/group": GROUP.replace("sudo:x:27:pi", "sudo:x:27:pi,webcam"),
}


def line(text: str) -> OwnLine:
    return OwnLine(DROP_IN, text.partition(" ")[0], text)


def held(host: Host, *wishes: Wish) -> list[str]:
    return [hold.interlock for hold in host.holds(*wishes)]


def only(host: Host, *wishes: Wish) -> Hold:
    (hold,) = host.holds(*wishes)
    return hold


@pytest.mark.parametrize(
    "wish",
    [
        line("PasswordAuthentication no"),
        line("KbdInteractiveAuthentication no"),
        EditLine(MAIN, 5, "PasswordAuthentication yes", "    PasswordAuthentication=no"),
        EditLine(MAIN, 5, "", "X11Forwarding no\nChallengeResponseAuthentication no"),
        WriteFile("/etc/ssh/sshd_config.d/10-x.conf", b"PasswordAuthentication no\n"),
    ],
)
def test_password_login_off(wish: Wish) -> None:
    """Held over a connection by password, whoever writes the line and where."""
    by_password = replace(OVER_SSH, methods=("password",))
    hold = only(Host(way_in=by_password), wish)
    assert (hold.interlock, hold.accept) == ("password-login-off", False)
    assert held(Host(way_in=PROVED), wish) == []


def test_password_login_off_at_the_machine() -> None:
    """Somebody who sits there may say 'all the same'; the same program in a login of sshd's may not."""
    there = Host(way_in=WayIn("local", uid=0))
    assert only(there, line("PasswordAuthentication no")).accept
    assert not only(Host(way_in=OVER_SSH), line("PasswordAuthentication no")).accept
    inside = replace(there.situation(), originals=Originals(ssh_connection=("192.0.2.20", "5000", "192.0.2.10", "22")))
    hold = password_login_off(inside, line("PasswordAuthentication no"))
    assert hold is not None
    assert not hold.accept


def test_the_conversation_that_every_login_needs() -> None:
    both: dict[str, str | None] = {
        "/etc/ssh/sshd_config.d/10-x.conf": "AuthenticationMethods publickey,keyboard-interactive\n"
    }
    assert held(Host(both), line("KbdInteractiveAuthentication no")) == ["password-login-off"]
    assert held(Host(), line("KbdInteractiveAuthentication no")) == []


def test_root_login_off() -> None:
    refuse = line("PermitRootLogin no")
    assert held(Host(way_in=replace(PROVED, user="root", uid=0)), refuse) == ["root-login-off"]
    assert held(Host(), refuse) == []  # pi has just become root
    # at the machine: pi has a key and sudo; without the group nobody has
    assert held(Host(way_in=WayIn("local", uid=0)), refuse) == []
    lonely = Host({"/etc/group": GROUP.replace("sudo:x:27:pi", "sudo:x:27:")}, way_in=WayIn("local", uid=0))
    assert held(lonely, refuse) == ["root-login-off"]
    assert held(lonely, line("PermitRootLogin prohibit-password")) == []


def test_nopasswd_off_needs_a_password_that_was_just_typed() -> None:
    gone = RemoveFile(NOPASSWD)
    hold = only(Host(FREE, way_in=replace(PROVED, password_proved=False)), gone)
    assert (hold.interlock, hold.subject, hold.accept) == ("nopasswd-off", "pi", False)
    assert held(Host(FREE), gone) == []


@pytest.mark.parametrize(
    ("shadow", "tried", "why"),
    [
        ("pi:locked:20700:0:99999:7:::", "pi\tnone\t48\t48\t\n", "locked"),
        ("pi::20700:0:99999:7:::", "pi\tnone\t48\t48\t\n", "has no password"),
        ("pi:empty:20700:0:99999:7:::", "pi\tnone\t48\t48\t\n", "empty"),
        ("pi:yescrypt:20700:0:99999:7:::", "pi\tmatch\t48\t48\tdefault\n", "everybody knows"),
    ],
)
def test_nopasswd_off_needs_a_password_that_works(shadow: str, tried: str, why: str) -> None:
    files = FREE | {"/etc/shadow": SHADOW.replace("pi:yescrypt:20700:0:99999:7:::", shadow)}
    host = Host(files, {"known-passwords": tried})
    hold = only(host, RemoveFile(NOPASSWD))
    assert hold.interlock == "nopasswd-off"
    assert why in hold.why
    # a new one in the same plan unlocks it
    assert held(replace(host, answers=ANSWERED), RemoveFile(NOPASSWD)) == []


def test_nopasswd_off_whichever_way_it_goes() -> None:
    """A tag taken out, a later line that overrules, a general setting."""
    host = Host(FREE, way_in=replace(PROVED, password_proved=False))
    own = "/etc/sudoers.d/zz-thornwall"
    ways: list[Wish] = [
        EditLine(NOPASSWD, 1, "pi ALL=(ALL) NOPASSWD: ALL", "pi ALL=(ALL) ALL"),
        EditLine(NOPASSWD, 1, "pi ALL=(ALL) NOPASSWD: ALL", None),
        OwnLine(own, "pi", "pi ALL=(ALL:ALL) ALL"),
        OwnLine(own, "%sudo", "%sudo ALL=(ALL:ALL) ALL"),
        OwnLine(own, "Defaults authenticate", "Defaults authenticate"),
        OwnLine(own, "Defaults exempt_group", "Defaults !exempt_group"),
        EditLine("/etc/sudoers", 1, "Defaults !authenticate", None),
    ]
    for wish in ways:
        assert held(host, wish) == ["nopasswd-off"], wish
    others: list[Wish] = [
        OwnLine(own, "Defaults timestamp_timeout", "Defaults timestamp_timeout=0"),
        OwnLine(own, "webcam", "webcam ALL=(ALL:ALL) ALL"),
        RemoveFile("/etc/sudoers.d/020_other"),
        RemoveFile("/etc/motd"),
    ]
    for wish in others:
        assert held(host, wish) == [], wish


def test_nopasswd_off_for_somebody_else() -> None:
    """Judged by what is known of the account; where another administrator is left, the owner may say so."""
    files = TWO | {NOPASSWD: "webcam ALL=(ALL) NOPASSWD: ALL\n"}
    assert held(Host(files), RemoveFile(NOPASSWD)) == []
    locked = files | {"/etc/shadow": SHADOW + "webcam:locked:20700:0:99999:7:::\n"}
    hold = only(Host(locked), RemoveFile(NOPASSWD))
    assert (hold.subject, hold.accept) == ("webcam", True)


def test_use_pam_no() -> None:
    refuse = line("UsePAM no")
    pam: dict[str, str | None] = {
        "/etc/pam.d/sshd": "@include common-auth\n",
        "/etc/pam.d/common-auth": "auth required pam_unix.so\n",
    }
    assert held(Host(pam), refuse) == []
    locked = pam | {"/etc/shadow": SHADOW.replace("pi:yescrypt", "pi:locked")}
    hold = only(Host(locked), refuse)
    assert (hold.interlock, hold.accept) == ("use-pam-no", False)
    assert "pi" in hold.why
    codes = pam | {"/etc/pam.d/sshd": "auth required pam_google_authenticator.so\n"}
    assert held(Host(codes), refuse) == ["use-pam-no"]
    assert held(Host(locked), line("UsePAM yes")) == []


@pytest.mark.parametrize(
    ("setting", "locks"),
    [
        ("AllowUsers webcam", True),
        ("AllowUsers webcam p*", False),
        ("AllowUsers pi@192.0.2.20", True),
        ("AllowGroups wheel", True),
        ("AllowGroups sudo", False),
        ("DenyUsers pi", True),
        ("DenyGroups sudo", True),
        ("DenyUsers webcam", False),
    ],
)
def test_allow_users(setting: str, *, locks: bool) -> None:
    assert held(Host(), line(setting)) == (["allow-users"] if locks else [])
    at_it = Host(way_in=WayIn("local", uid=0))
    assert [hold.accept for hold in at_it.holds(line(setting))] == ([True] if locks else [])


def test_ssh_port() -> None:
    """The port must be one that the firewall that runs lets in."""
    ruleset = (
        '{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "inet", "name": "t", "handle": 1}},'
        ' {"chain": {"family": "inet", "table": "t", "name": "c", "handle": 1, "type": "filter", "hook": "input",'
        ' "prio": 0, "policy": "drop"}}, {"rule": {"family": "inet", "table": "t", "chain": "c", "handle": 2, "expr":'
        ' [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 2222}},'
        ' {"accept": null}]}}]}'
    )
    host = Host(commands={"nft": ruleset})
    assert held(host, line("Port 2200")) == ["ssh-port"]
    assert held(host, line("Port 2222")) == []
    assert held(replace(host, files={"/etc/selinux/config": "SELINUX=enforcing\n"}), line("Port 2222")) == ["ssh-port"]


def test_account_lock() -> None:
    """Not the account that is connected, and not the last that becomes root."""
    lock = Account("pi", AccountField.LOCK)
    assert held(Host(), lock) == ["account-lock"]
    assert held(Host(TWO, way_in=replace(PROVED, user="webcam")), lock) == []
    at_it = WayIn("local", uid=0)
    assert held(Host(way_in=at_it), lock) == ["account-lock"]
    assert held(Host(TWO, way_in=at_it), lock) == []
    # of root: somebody else must be able to become root
    root = Account("root", AccountField.LOCK)
    assert held(Host(), root) == []
    lonely: dict[str, str | None] = {"/etc/group": GROUP.replace("sudo:x:27:pi", "sudo:x:27:")}
    assert held(Host(lonely, way_in=at_it), root) == ["account-lock"]
    # of a service, which becomes root by nothing
    assert held(Host(way_in=at_it), Account("daemon", AccountField.LOCK)) == []
    for field, value in ((AccountField.EXPIRE_NOW, ""), (AccountField.SHELL, "/usr/sbin/nologin")):
        assert held(Host(), Account("pi", field, value)) == ["account-lock"]
    assert held(Host(), Account("pi", AccountField.LEAVE_GROUP, "sudo")) == ["account-lock"]
    assert held(Host(), Account("pi", AccountField.LEAVE_GROUP, "audio")) == []


def test_password_ageing_names_the_day() -> None:
    """pi has a key. Changed on day 20700, today is 20780: 365 days end on day 21065, which is 2027-09-04."""
    hold = only(Host(), Account("pi", AccountField.MAX_DAYS, "365"))
    assert (hold.interlock, hold.subject, hold.accept) == ("password-ageing", "pi", True)
    assert "2027-09-04" in hold.why
    assert held(Host({"/home/pi/.ssh/authorized_keys": None}), Account("pi", AccountField.MAX_DAYS, "365")) == []


def test_the_day_stays_in_the_plan_once_it_is_accepted() -> None:
    operations = (AccountDo("pi", AccountField.MAX_DAYS, "365"), AccountDo("pi", AccountField.WARN_DAYS, "7"))
    step = Step("accounts", Purpose.ACCOUNTS, "Set an age", operations)
    assert ageing(Host().situation(), [step]) == (("pi", "2027-09-04"),)
    given = Host(commands={"known-passwords": "pi\tmatch\t48\t48\tdefault\n"}, answers=ANSWERED)
    assert ageing(given.situation(), [step]) == (("pi", "2027-11-23"),)  # from day 20780, on which it gets a new one


def test_password_ageing_that_has_passed_is_a_lock_out_now() -> None:
    hold = only(Host({"/home/pi/.ssh/authorized_keys": None}), Account("pi", AccountField.MAX_DAYS, "60"))
    assert not hold.accept
    assert "2026-11-03" in hold.why  # day 20760
    renewed = {"known-passwords": "pi\tmatch\t48\t48\tdefault\n"}
    again = Host({"/home/pi/.ssh/authorized_keys": None}, renewed, answers=ANSWERED)
    assert held(again, Account("pi", AccountField.MAX_DAYS, "60")) == []
    fresh: dict[str, str | None] = {
        "/home/pi/.ssh/authorized_keys": None,
        "/etc/shadow": SHADOW.replace("pi:yescrypt:20700", "pi:yescrypt:20780"),
    }
    assert held(Host(fresh), Account("pi", AccountField.MAX_DAYS, "60")) == []


@pytest.mark.parametrize(
    ("wish", "locks"),
    [
        (WriteFile("/home/pi/.ssh/authorized_keys", b"ssh-ed25519 AAAA me\n"), True),
        (RemoveFile("/root/.ssh/authorized_keys2"), True),
        (EditLine("/home/pi/.ssh/authorized_keys", 1, "old", "new"), True),
        (EditLine("/home/pi/.ssh/authorized_keys", 0, "", "ssh-ed25519 AAAA me"), False),
        (WriteFile("/etc/motd", b""), False),
    ],
)
def test_authorized_keys_are_never_replaced(wish: Wish, *, locks: bool) -> None:
    assert held(Host(), wish) == (["authorized-keys"] if locks else [])


KEYS_ALONE = Step("ssh", Purpose.SSH, "keys", (), (Mend("ssh-password-login", "host"),))


@pytest.mark.parametrize(
    ("files", "steps", "names"),
    [
        (TWO, (KEYS_ALONE,), ("webcam",)),
        ({}, (KEYS_ALONE,), ()),  # pi has a key
        (TWO, (), ()),  # passwords stay
        (TWO, (KEYS_ALONE, replace(KEYS_ALONE, operations=(AccountDo("webcam", AccountField.LOCK),))), ()),
        ({**TWO, "/home/webcam/.ssh/authorized_keys": ED25519}, (KEYS_ALONE,), ()),
        ({**TWO, "/etc/shadow": SHADOW + "webcam:locked:20700:0:99999:7:::\n"}, (KEYS_ALONE,), ()),
    ],
)
def test_who_is_shut_out_once_ssh_takes_keys_alone(
    files: dict[str, str | None], steps: tuple[Step, ...], names: tuple[str, ...]
) -> None:
    assert shut_out(Host(files).situation(), steps) == names
