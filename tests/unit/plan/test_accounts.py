"""Fixes of the rules about accounts: fields of accounts by shadow(5), modes, login.defs(5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thornwall.model.change import Account, AccountDo, AccountField, EditLine, SetMode, Tool
from thornwall.model.plan import Answers, Undoing
from thornwall.model.secret import Secret
from thornwall.plan.fix import Ask, Hold
from thornwall.plan.planner import Choice, make_plan
from thornwall.plan.registry import FIXES

from .ways import BASE, GROUP, PASSWD, SHADOW, Host, walk

GUESSED = {"known-passwords": "pi\tmatch\t48\t48\tdefault\n"}
ANSWERED = Answers(passwords={"pi": Secret("correct horse battery")})
SERVICE: dict[str, str | None] = {
    "/etc/passwd": PASSWD + "motion:x:110:110::/var/lib/motion:/bin/bash\n",
    "/etc/group": GROUP + "motion:x:110:\n",
}
KEYS = "/home/pi/.ssh/authorized_keys"


def shadow(line: str) -> dict[str, str | None]:
    return {"/etc/shadow": SHADOW.replace("pi:yescrypt:20700:0:99999:7:::", line)}


@pytest.mark.parametrize(
    ("rule", "files", "commands"),
    [
        ("default-password", {}, GUESSED),
        ("empty-password", shadow("pi:empty:20700:0:99999:7:::"), {}),
        ("weak-password-hash", shadow("pi:md5crypt:20700:0:99999:7:::"), {}),
        ("password-expiry-lockout", shadow("pi:yescrypt:20700:0:85:7:::"), {}),
        ("password-expiry-lockout", shadow("pi:yescrypt:0:0:99999:7:::"), {}),
    ],
)
def test_a_person_is_asked_for_a_new_password(
    rule: str, files: dict[str, str | None], commands: dict[str, str]
) -> None:
    host = Host(files, commands)
    (ask,) = host.wants(rule)
    assert isinstance(ask, Ask)
    assert ask.account == "pi"
    assert replace(host, answers=ANSWERED).wants(rule) == (Account("pi", AccountField.PASSWORD),)
    (held,) = replace(host, answers=Answers(passwords={"pi": Secret("Raspberry")})).wants(rule)
    assert isinstance(held, Hold)
    assert "everybody knows" in held.why


@pytest.mark.parametrize(
    ("rule", "field", "tried"),
    [
        ("default-password", "yescrypt", "motion\tmatch\t48\t48\tname\n"),
        ("empty-password", "empty", ""),
        ("weak-password-hash", "md5crypt", ""),
    ],
)
def test_an_account_of_a_service_is_locked(rule: str, field: str, tried: str) -> None:
    files = SERVICE | {"/etc/shadow": f"{SHADOW}motion:{field}:20700::::::\n"}
    host = Host(files, {"known-passwords": tried})
    assert host.wants(rule, "motion") == (Account("motion", AccountField.LOCK),)


def test_an_empty_field_of_passwd_moves_to_shadow_first() -> None:
    host = Host({"/etc/passwd": PASSWD.replace("pi:x:", "pi:empty:")}, answers=ANSWERED)
    tool, account = host.wants("empty-password")
    assert isinstance(tool, Tool)
    assert tool.run == (("pwconv",),)
    assert account == Account("pi", AccountField.PASSWORD)


def test_a_hash_in_passwd_moves_to_shadow() -> None:
    (tool,) = Host({"/etc/passwd": PASSWD.replace("pi:x:", "pi:md5crypt:")}).wants("password-hash-in-passwd")
    assert isinstance(tool, Tool)
    assert tool.run == (("pwconv",),)
    assert {"/etc/passwd", "/etc/shadow"} <= set(tool.keeps)


def test_root_is_locked_where_sudo_is_set_up() -> None:
    files: dict[str, str | None] = {"/etc/shadow": SHADOW.replace("root:locked", "root:yescrypt")}
    lock = Account("root", AccountField.LOCK)
    assert Host(files).wants("root-password-usable") == (lock,)
    guessed = Host(files, {"known-passwords": "root\tmatch\t48\t48\tdefault\n"})
    assert guessed.wants("default-password", "root") == (lock,)
    # where it is the only way to administer the host, root gets a new one
    alone = Host(files | {"/etc/group": GROUP.replace("sudo:x:27:pi", "sudo:x:27:")}, guessed.commands)
    (ask,) = alone.wants("default-password", "root")
    assert isinstance(ask, Ask)


def test_an_age_without_a_password_no_longer_counts() -> None:
    """pi has a key; its locked password would keep it out all the same."""
    host = Host(shadow("pi:locked:20700:0:60:7:::"))
    assert host.wants("password-expiry-lockout") == (Account("pi", AccountField.MAX_DAYS, "-1"),)
    assert host.holds(*host.wants("password-expiry-lockout")) == ()  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ["pi:yescrypt:20700:0:99999:7::20785:", "pi:locked:0:0:60:7:::"])
def test_an_account_that_ends_is_left_to_a_person(line: str) -> None:
    assert Host(shadow(line), answers=ANSWERED).wants("password-expiry-lockout") == ()


def test_ageing_is_held_where_a_key_logs_in() -> None:
    host = Host()
    wish = Account("pi", AccountField.MAX_DAYS, "365")
    assert host.wants("password-ageing") == (wish,)
    assert [hold.interlock for hold in host.holds(wish)] == ["password-ageing"]


def test_a_service_that_a_password_opens() -> None:
    host = Host(SERVICE | {"/etc/shadow": f"{SHADOW}motion:yescrypt:20700::::::\n"})
    assert host.wants("system-account-login") == (Account("motion", AccountField.LOCK),)


def test_a_service_that_a_key_opens_is_asked_about() -> None:
    files = SERVICE | {
        "/etc/passwd": PASSWD + "motion:x:110:110::/home/motion:/bin/bash\n",
        "/etc/shadow": f"{SHADOW}motion:locked:20700::::::\n",
        "/home/motion/.ssh/authorized_keys": BASE[KEYS],
    }
    hold, shell = Host(files).wants("system-account-login")
    assert isinstance(hold, Hold)
    assert (hold.interlock, hold.subject, hold.accept) == ("account-lock", "motion", True)
    assert shell == Account("motion", AccountField.SHELL, "/usr/sbin/nologin")


@pytest.mark.parametrize(
    ("entry", "wish"),
    [
        ("d 777 1000 1000 ./home/pi", SetMode("/home/pi", clear=0o007)),  # strict: others out; the group is his own
        ("d 775 1000 0 ./home/pi", SetMode("/home/pi", clear=0o025)),
        ("d 755 1000 1000 ./home/pi", SetMode("/home/pi", clear=0o005)),
        ("d 700 1001 1001 ./home/pi", None),  # another's: by hand
    ],
)
def test_homes(entry: str, wish: SetMode | None) -> None:
    host = Host(commands={"walk": walk(entry)})
    assert host.wants("home-permissions") == (() if wish is None else (wish,))


def test_the_owner_takes_the_bits_from_his_keys() -> None:
    """Root does not follow a link that the owner may have made."""
    host = Host(modes={KEYS: (0o664, "pi")})
    assert host.wants("authorized-keys-writable") == (SetMode(KEYS, clear=0o020, owner="pi"),)
    host.mended("authorized-keys-writable")
    folder = Host(commands={"walk": walk("d 777 1000 1000 ./home/pi/.ssh")})
    assert folder.wants("authorized-keys-writable") == (SetMode("/home/pi/.ssh", clear=0o022, owner="pi"),)


def test_keys_of_somebody_else_are_left_to_a_person() -> None:
    assert Host(modes={KEYS: (0o600, "webcam")}).wants("authorized-keys-writable") == ()


@pytest.mark.parametrize(
    ("text", "number", "old", "new"),
    [
        ("PASS_MAX_DAYS 99999\nUMASK\t\t022\n", 2, "UMASK\t\t022", "UMASK\t\t027"),
        ("UMASK 0070\n", 1, "UMASK 0070", "UMASK\t\t077"),
        ("#UMASK\t\t022\nUID_MIN 1000\n", 1, "#UMASK\t\t022", "#UMASK\t\t022\nUMASK\t\t027"),
        ("UID_MIN 1000\n", 1, "UID_MIN 1000", "UID_MIN 1000\nUMASK\t\t027"),
    ],
)
def test_umask(text: str, number: int, old: str, new: str) -> None:
    host = Host({"/etc/login.defs": text})
    assert host.wants("login-defs-umask") == (EditLine("/etc/login.defs", number, old, new),)
    host.mended("login-defs-umask")


def test_undo_leaves_out_a_password_that_everybody_knows_whichever_finding_replaced_it() -> None:
    host = Host(shadow("pi:md5crypt:20700:0:99999:7:::"), GUESSED, answers=ANSWERED)
    (step,) = make_plan(host.situation(), FIXES, (), {}, Choice(only=frozenset({"weak-password-hash"}))).steps
    assert step.operations == (AccountDo("pi", AccountField.PASSWORD, known_default=True),)
    assert step.undoing is Undoing.KEEPS
    unknown = Host(shadow("pi:md5crypt:20700:0:99999:7:::"), answers=ANSWERED)
    (step,) = make_plan(unknown.situation(), FIXES, (), {}, Choice(only=frozenset({"weak-password-hash"}))).steps
    assert step.operations == (AccountDo("pi", AccountField.PASSWORD),)
    assert step.undoing is not Undoing.KEEPS


@pytest.mark.parametrize(
    ("answers", "only", "idle"),
    [
        (ANSWERED, "weak-password-hash", ()),
        (ANSWERED, "default-password", ("pi",)),
        # (it would be asked for)
        (Answers(named=frozenset({"pi"})), "weak-password-hash", ()),
        (Answers(named=frozenset({"pi", "nobody-there"})), "default-password", ("pi",)),
    ],
)
def test_a_new_password_that_no_step_sets_is_named(answers: Answers, only: str, idle: tuple[str, ...]) -> None:
    host = Host(shadow("pi:md5crypt:20700:0:99999:7:::"), answers=answers)
    assert make_plan(host.situation(), FIXES, (), {}, Choice(only=frozenset({only}))).idle_passwords == idle
