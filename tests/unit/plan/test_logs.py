"""Fixes about logs. That journald writes to the disk only when told to flush was tried on a booted Debian 13."""

from __future__ import annotations

import pytest

from thornwall.model.change import EditLine, OwnLine, Packages, SetMode, Tool, UnitsOn, WriteFile
from thornwall.plan.fixes import logs

from .ways import Host

AGAIN = ("systemctl", "restart", "systemd-journald.service")
SERVICE: dict[str, str | None] = {
    "/etc/systemd/system/multi-user.target.wants/ssh.service": "[Service]\nExecStart=/usr/sbin/sshd -D\n"
}


def line(name: str, value: str) -> OwnLine:
    return OwnLine("/etc/systemd/journald.conf.d/99-thornwall.conf", name, f"{name}={value}", "Journal")


def restart(*keeps: str) -> Tool:
    return Tool("journald", (AGAIN, ("journalctl", "--flush")), keeps, undo_after=(AGAIN,))


def host(files: dict[str, str | None], folder: str = "", container: bool = False) -> Host:
    more: dict[str, str | None] = {"/run/systemd/container": "lxc\n"} if container else {}
    # stat -c '%f %U %G %n'
    told = f"41ed root root ./var/log\n81ed root root ./usr/lib/systemd/systemd-journald\n{folder}"
    return Host(SERVICE | files | more, {"log-files": told, "packages": "bash\t5.2.37-2\tarm64\tbash\tinstall\n"})


VOLATILE = "/usr/lib/systemd/journald.conf.d/40-rpi-volatile-storage.conf"


def test_a_journal_in_memory_is_kept_and_capped() -> None:
    there = host({VOLATILE: "[Journal]\nStorage=volatile\n"})
    assert there.wants("volatile-journal") == (line("Storage", "persistent"), line("SystemMaxUse", "200M"), restart())


def test_a_folder_that_auto_waits_for_goes_again_with_undo() -> None:
    there = host({"/etc/systemd/journald.conf": "[Journal]\nSystemMaxUse=50M\n"})
    assert there.wants("volatile-journal") == (line("Storage", "persistent"), restart("/var/log/journal"))


def test_a_drop_in_that_is_read_later_is_edited() -> None:
    late = "/etc/systemd/journald.conf.d/zz-mine.conf"
    there = host({late: "# mine\n[Journal]\nStorage=volatile\nSystemMaxUse=1G\n"})
    wants = there.wants("volatile-journal")
    assert wants == (
        line("Storage", "persistent"),
        EditLine(late, 3, "Storage=volatile", "Storage=persistent"),
        restart(),
    )
    wishes = [want for want in wants if not isinstance(want, Tool)]
    assert "volatile-journal" not in {each.rule for each in there.after(*wishes).findings()}


@pytest.mark.parametrize(
    "late", ["/etc/systemd/journald.conf.d/zz-mine.conf", "/usr/lib/systemd/journald.conf.d/zz.conf"]
)
def test_what_wins_and_cannot_be_edited_is_left(late: str) -> None:
    there = host({late: "[Journal]\nStorage=volatile\n"})
    hidden = Host(there.files, there.commands, hidden=frozenset({late}))
    assert hidden.wants("volatile-journal") == ()


def test_no_log_at_all() -> None:
    there = host({"/etc/systemd/journald.conf": "[Journal]\nStorage=none\n"})
    assert there.wants("logging-disabled") == (line("Storage", "persistent"), line("SystemMaxUse", "200M"), restart())


def test_the_journal_on_a_card_is_capped() -> None:
    there = host({"/etc/rpi-issue": "Raspberry Pi\n"}, "41ed root systemd-journal ./var/log/journal\n")
    assert there.wants("journal-uncapped") == (line("SystemMaxUse", "200M"), restart())


def test_logs_are_closed() -> None:
    there = host({}, "81a4 root adm ./var/log/auth.log\n41ff root root ./var/log/journal\n")
    assert set(there.wants("log-files-open-to-others")) == {
        SetMode("/var/log/auth.log", clear=0o007),
        SetMode("/var/log/journal", clear=0o002),
    }


LOADS = Tool(
    "auditd", (logs._LOAD,), ("/etc/audit/audit.rules", "/etc/audit/audit.rules.prev"), undo_after=(logs._UNLOAD,)
)
AUDITD: dict[str, str | None] = {
    "/etc/systemd/system/multi-user.target.wants/auditd.service": "[Service]\nExecStart=/usr/sbin/auditd\n"
}
LOCKED = "/etc/audit/rules.d/99-finalize.rules"


def test_auditd_comes_with_what_it_is_to_watch() -> None:
    package, rules, *rest = host({}).wants("no-auditd")
    assert package == Packages(("auditd",))
    assert isinstance(rules, WriteFile)
    assert (rules.path, rules.mode) == ("/etc/audit/rules.d/60-thornwall.rules", 0o640)
    assert rest == [LOADS, UnitsOn(("auditd.service",))]


def test_what_auditd_is_to_watch_was_seen_to_load_on_a_booted_debian() -> None:
    """tests/lab/test_vm_audit.py: they load, and see, on trixie and bookworm."""
    rules = next(each for each in host({}).wants("no-auditd") if isinstance(each, WriteFile)).content.decode()
    watched = [line for line in rules.splitlines() if line.startswith("-a ")]
    assert "-a always,exit -F perm=wa -F path=/etc/shadow -F key=accounts" in watched
    assert all(line.startswith("-a always,exit -F ") and " -F key=" in line for line in watched)
    assert rules.index("\n-i\n") < rules.index("-a ")  # what is not there keeps nothing of the rest from loading


def test_auditd_with_rules_of_its_owner_keeps_them() -> None:
    there = host({"/etc/audit/rules.d/own.rules": "-w /etc/passwd -p wa -k mine\n"})
    assert there.wants("no-auditd") == (Packages(("auditd",)), UnitsOn(("auditd.service",)))


def test_rules_that_the_owner_made_by_hand_are_left() -> None:
    """augenrules would write its own in their place."""
    own: dict[str, str | None] = {"/etc/audit/audit.rules": "-D\n-w /etc/shadow -p wa -k mine\n"}
    assert host(own).wants("no-auditd") == (Packages(("auditd",)), UnitsOn(("auditd.service",)))


def test_auditd_without_rules_gets_some() -> None:
    rules, *rest = host(AUDITD).wants("no-audit-rules")
    assert isinstance(rules, WriteFile)
    assert rest == [LOADS, UnitsOn(("auditd.service",))]


def test_locked_rules_are_left() -> None:
    """`-e 2`: until the next start augenrules cannot load others, and its failure would take the change back."""
    assert host(AUDITD | {LOCKED: "-e 2\n"}).wants("no-audit-rules") == ()


def test_the_clock() -> None:
    assert host({}).wants("no-time-sync") == (
        Packages(("systemd-timesyncd",)),
        UnitsOn(("systemd-timesyncd.service",)),
    )
    chrony: dict[str, str | None] = {"/etc/systemd/system/chrony.service": "[Service]\nExecStart=/usr/sbin/chronyd\n"}
    assert host(chrony).wants("no-time-sync") == (UnitsOn(("chrony.service",)),)


def test_paths_are_the_files_that_are_written() -> None:
    assert line("", "").path == logs.DROP_IN
