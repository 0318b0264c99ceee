"""Fixes of sudo's rules. What lines mean is by sudoers(5); the ways out of NOPASSWD were tried with `sudo -l -U`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thornwall.model.change import Account, AccountField, EditLine, OwnLine, RemoveFile, SetMode, Wish
from thornwall.model.plan import Answers
from thornwall.model.rule import Preset
from thornwall.model.secret import Secret
from thornwall.plan.fix import Ask
from thornwall.plan.sudoers import without_nopasswd, without_parameter

from .ways import GROUP, PASSWD, SHADOW, SUDOERS, Host, walk

PI = "/etc/sudoers.d/010_pi-nopasswd"
OWN = "/etc/sudoers.d/zz-thornwall"
OTHER = "/etc/sudoers.d/020_other"


def own(key: str, line: str) -> OwnLine:
    return OwnLine(OWN, key, line, mode=0o440)


def settled(host: Host, rule: str, *wants: Wish, subject: str = "") -> Host:
    assert host.wants(rule, subject) == wants
    return host.mended(rule)


def test_the_file_of_raspberry_pi_os_goes() -> None:
    """pi is in the group sudo, which is asked."""
    settled(Host({PI: "pi ALL=(ALL) NOPASSWD: ALL\n"}), "sudo-nopasswd", RemoveFile(PI))


def test_who_has_no_other_rule_gets_one_that_asks() -> None:
    host = Host(
        {
            "/etc/sudoers.d/90-cloud-init-users": "# Made by cloud-init\n\npi ALL=(ALL) NOPASSWD:ALL\n",
            "/etc/group": GROUP.replace("sudo:x:27:pi", "sudo:x:27:"),
        }
    )
    settled(
        host,
        "sudo-nopasswd",
        RemoveFile("/etc/sudoers.d/90-cloud-init-users"),
        own("pi", "pi ALL=(ALL:ALL) ALL"),
    )


def test_two_files_that_each_ask_nothing() -> None:
    """Neither is the rule that is left when both go."""
    host = Host(
        {
            PI: "pi ALL=(ALL) NOPASSWD: ALL\n",
            OTHER: "pi ALL=(ALL) NOPASSWD: ALL\n",
            "/etc/group": GROUP.replace("sudo:x:27:pi", "sudo:x:27:"),
        }
    )
    then = host.mended("sudo-nopasswd")
    assert then.contents[OWN].endswith(b"\npi ALL=(ALL:ALL) ALL\n")
    assert {PI, OTHER}.isdisjoint(then.contents)


def test_the_file_that_was_overruled_does_not_come_into_force() -> None:
    host = Host({PI: "pi ALL=(ALL) NOPASSWD: ALL\n", OTHER: "pi ALL=(ALL) NOPASSWD: ALL\n"})
    settled(host, "sudo-nopasswd", RemoveFile(OTHER), RemoveFile(PI))


def test_a_file_with_more_in_it_is_edited() -> None:
    text = "# mine\nDefaults:pi !lecture\npi ALL=(ALL) NOPASSWD: ALL\n"
    host = Host({OTHER: text})
    settled(host, "sudo-nopasswd", EditLine(OTHER, 3, "pi ALL=(ALL) NOPASSWD: ALL", "pi ALL=(ALL) ALL"))


def test_the_rule_of_a_group_stays_and_asks() -> None:
    text = SUDOERS.replace("%sudo	ALL=(ALL:ALL) ALL", "%sudo	ALL=(ALL:ALL) NOPASSWD: ALL")
    edit = EditLine("/etc/sudoers", 4, "%sudo	ALL=(ALL:ALL) NOPASSWD: ALL", "%sudo	ALL=(ALL:ALL) ALL")
    settled(Host({"/etc/sudoers": text}), "sudo-nopasswd", edit)


def test_what_may_not_be_edited_is_overruled_if_ours_comes_later() -> None:
    text = SUDOERS.replace("%sudo	ALL=(ALL:ALL) ALL", "%sudo	ALL=(ALL:ALL) NOPASSWD: ALL")
    line = "%sudo	ALL=(ALL:ALL) ALL"
    hidden = frozenset({"/etc/sudoers"})
    settled(Host({"/etc/sudoers": text}, hidden=hidden), "sudo-nopasswd", own(line, line))
    after = f"{SUDOERS}pi ALL=(ALL) NOPASSWD: ALL\n"
    assert Host({"/etc/sudoers": after}, hidden=hidden).wants("sudo-nopasswd") == ()


def test_single_commands_keep_their_rule() -> None:
    text = "pi ALL=(root) NOPASSWD: /usr/sbin/reboot, NOEXEC: /usr/bin/less /var/log/syslog\n"
    new = "pi ALL=(root) /usr/sbin/reboot, NOEXEC: /usr/bin/less /var/log/syslog"
    settled(Host({OTHER: text}), "sudo-nopasswd", EditLine(OTHER, 1, text.rstrip(), new))


def test_a_person_without_a_password_is_given_one_first() -> None:
    files: dict[str, str | None] = {
        PI: "pi ALL=(ALL) NOPASSWD: ALL\n",
        "/etc/shadow": SHADOW.replace("pi:yescrypt", "pi:locked"),
    }
    ask, *rest = Host(files).wants("sudo-nopasswd")
    assert isinstance(ask, Ask)
    assert ask.account == "pi"
    assert rest == [RemoveFile(PI)]
    answered = Host(files, answers=Answers(passwords={"pi": Secret("correct horse")}))
    assert answered.wants("sudo-nopasswd") == (Account("pi", AccountField.PASSWORD), RemoveFile(PI))
    assert answered.holds(*answered.wants("sudo-nopasswd")) == ()  # type: ignore[arg-type]


def test_doas_asks_too() -> None:
    doas = "permit persist keepenv :sudo\npermit nopass pi as root\n"
    host = Host({"/etc/doas.conf": doas}, {"login-programs": "./usr/bin/sudo\n./usr/bin/doas\n"})
    settled(host, "sudo-nopasswd", EditLine("/etc/doas.conf", 2, "permit nopass pi as root", "permit pi as root"))


@pytest.mark.parametrize(
    ("rule", "text", "wish"),
    [
        ("sudo-timestamp-timeout", "", own("Defaults timestamp_timeout", "Defaults timestamp_timeout=0")),
        (
            "sudo-timestamp-timeout",
            "Defaults timestamp_timeout=-1\n",
            own("Defaults timestamp_timeout", "Defaults timestamp_timeout=0"),
        ),
        (
            "sudo-timestamp-timeout",
            "Defaults timestamp_timeout=0\nDefaults:pi timestamp_timeout = 60, !lecture\n",
            EditLine(OTHER, 2, "Defaults:pi timestamp_timeout = 60, !lecture", "Defaults:pi !lecture"),
        ),
        (
            "sudo-global-timestamp",
            "Defaults timestamp_type=global\n",
            own("Defaults timestamp_type", "Defaults timestamp_type=tty"),
        ),
        (
            "sudo-global-timestamp",
            "Defaults !tty_tickets\n",
            own("Defaults timestamp_type", "Defaults timestamp_type=tty"),
        ),
        (
            "sudo-global-timestamp",
            "Defaults:pi timestamp_type=global\n",
            own("Defaults:pi timestamp_type", "Defaults:pi timestamp_type=tty"),
        ),
        ("sudo-env-dangerous", "Defaults !env_reset\n", own("Defaults env_reset", "Defaults env_reset")),
        (
            "sudo-env-dangerous",
            'Defaults env_keep += "LANG LD_PRELOAD EDITOR"\n',
            EditLine(OTHER, 1, 'Defaults env_keep += "LANG LD_PRELOAD EDITOR"', 'Defaults env_keep += "LANG EDITOR"'),
        ),
        (
            "sudo-env-dangerous",
            "Defaults env_keep += PYTHONPATH\n",
            EditLine(OTHER, 1, "Defaults env_keep += PYTHONPATH", None),
        ),
        (
            "sudo-authenticate-disabled",
            "Defaults !authenticate\n",
            own("Defaults authenticate", "Defaults authenticate"),
        ),
        (
            "sudo-authenticate-disabled",
            "Defaults:pi !authenticate\n",
            own("Defaults:pi authenticate", "Defaults:pi authenticate"),
        ),
        (
            "sudo-authenticate-disabled",
            "Defaults exempt_group=sudo\n",
            own("Defaults exempt_group", "Defaults !exempt_group"),
        ),
        ("sudo-use-pty", "Defaults !use_pty\n", own("Defaults use_pty", "Defaults use_pty")),
        ("sudo-log-file", "", own("Defaults logfile", "Defaults logfile=/var/log/sudo.log")),
    ],
)
def test_settings(rule: str, text: str, wish: Wish) -> None:
    settled(Host({OTHER: text}), rule, wish)


def test_two_settings_in_one_line() -> None:
    """Each has its own finding, and its own line of ours."""
    host = Host({OTHER: "Defaults !authenticate, exempt_group=sudo\n"})
    settled(
        host,
        "sudo-authenticate-disabled",
        own("Defaults authenticate", "Defaults authenticate"),
        own("Defaults exempt_group", "Defaults !exempt_group"),
    )
    both = 'Defaults !env_reset, env_keep += "LD_PRELOAD EDITOR"'
    assert set(Host({OTHER: f"{both}\n"}).wants("sudo-env-dangerous")) == {
        own("Defaults env_reset", "Defaults env_reset"),
        EditLine(OTHER, 1, both, 'Defaults !env_reset, env_keep += "EDITOR"'),
    }


def test_a_setting_behind_ours_is_taken_out() -> None:
    last = f"{SUDOERS}Defaults timestamp_timeout=-1\n"
    host = Host({"/etc/sudoers": last})
    settled(
        host,
        "sudo-timestamp-timeout",
        EditLine("/etc/sudoers", 6, "Defaults timestamp_timeout=-1", None),
        own("Defaults timestamp_timeout", "Defaults timestamp_timeout=0"),
    )
    assert replace(host, hidden=frozenset({"/etc/sudoers"})).wants("sudo-timestamp-timeout") == ()


def test_the_minutes_are_those_of_the_preset() -> None:
    """`documents` asks every time, as its document does; `recommended` lets sudo's own quarter of an hour be."""
    text: dict[str, str | None] = {OTHER: "Defaults timestamp_timeout=-1\n"}
    for preset, minutes in ((Preset.DOCUMENTS, 0), (Preset.RECOMMENDED, 15)):
        wish = own("Defaults timestamp_timeout", f"Defaults timestamp_timeout={minutes}")
        assert Host(text, preset=preset).wants("sudo-timestamp-timeout") == (wish,)


def test_modes() -> None:
    host = Host({OTHER: "# nothing\n"}, modes={OTHER: (0o666, "root")})
    settled(host, "sudo-file-permissions", SetMode(OTHER, 0o440, user="root", group="root"))
    folder = walk("d 777 0 0 ./etc/sudoers.d")
    assert Host(commands={"walk": folder}).wants("sudo-file-permissions") == (
        SetMode("/etc/sudoers.d", 0o750, user="root", group="root"),
    )


def test_services_that_all_become_root() -> None:
    files: dict[str, str | None] = {
        OTHER: "ALL ALL=(root) NOPASSWD: /usr/bin/id\n",
        "/etc/passwd": PASSWD,
    }
    edit = EditLine(OTHER, 1, "ALL ALL=(root) NOPASSWD: /usr/bin/id", "ALL ALL=(root) /usr/bin/id")
    settled(Host(files), "sudo-nopasswd", edit)


@pytest.mark.parametrize(
    ("line", "without"),
    [
        ("pi ALL=(ALL) NOPASSWD: ALL", "pi ALL=(ALL) ALL"),
        ("pi ALL=NOPASSWD:SETENV: /bin/x, PASSWD: /bin/y", "pi ALL=SETENV: /bin/x, PASSWD: /bin/y"),
        ("pi ALL=(ALL) ALL", None),
        ("pi ALL=NOPASSWD: /bin/x, \\", None),
        ("pi ALL=NOPASSWD: /bin/x --token=<redacted>", None),
    ],
)
def test_without_nopasswd(line: str, without: str | None) -> None:
    assert without_nopasswd(line) == without


@pytest.mark.parametrize(
    ("line", "without"),
    [
        ("Defaults !authenticate", ""),
        ("Defaults\tlecture, !authenticate, use_pty", "Defaults\tlecture, use_pty"),
        ("Defaults:%sudo,pi !authenticate,insults # why", "Defaults:%sudo,pi insults # why"),
        ('Defaults badpass_message="!authenticate", insults', None),
        ("Defaults insults", None),
        ("Defaults !authenticate, \\", None),
    ],
)
def test_without_parameter(line: str, without: str | None) -> None:
    assert without_parameter(line, "authenticate") == without
