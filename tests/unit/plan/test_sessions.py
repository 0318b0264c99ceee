"""Fixes of the rules about sessions. What bash and PAM make of the files is tried on booted hosts (tests/lab)."""

from __future__ import annotations

import pytest

from thornwall.model.change import EditLine, OwnLine, WriteFile
from thornwall.plan.fixes import sessions

from .ways import Host


def test_idle_shells_end_by_a_file_of_ours() -> None:
    host = Host({"/etc/profile": "PATH=/usr/bin\n"})
    (wish,) = host.wants("shell-never-idles-out")
    assert isinstance(wish, WriteFile)
    assert wish.path == sessions.IDLE
    assert b"typeset -xr TMOUT=900\n" in wish.content
    host.mended("shell-never-idles-out")


def test_a_time_that_somebody_set_is_changed_where_it_stands() -> None:
    host = Host({"/etc/profile": "if true; then\n    TMOUT=7200 # long\nfi\n"})
    assert host.wants("shell-never-idles-out") == (
        EditLine("/etc/profile", 2, "    TMOUT=7200 # long", "    TMOUT=900 # long"),
    )
    host.mended("shell-never-idles-out")


@pytest.mark.parametrize(
    ("files", "wishes"),
    [
        (
            {"/etc/profile": "PATH=/bin\n", "/etc/bash.bashrc": "shopt -s checkwinsize\n"},
            (OwnLine(sessions.PROFILE, "umask", "umask 027"), EditLine(sessions.BASHRC, 0, "", "umask 027")),
        ),
        (
            {"/etc/profile": "[ x ] && umask 022\n", "/etc/bash.bashrc": "umask 0077\n"},
            (EditLine("/etc/profile", 1, "[ x ] && umask 022", "[ x ] && umask 027"),),
        ),
    ],
)
def test_shells_take_permissions_away(files: dict[str, str | None], wishes: tuple[object, ...]) -> None:
    host = Host(files)
    assert host.wants("shell-umask-open") == wishes
    host.mended("shell-umask-open")


@pytest.mark.parametrize(
    ("files", "edits"),
    [
        ({"/etc/security/limits.conf": "* hard core 100\n"}, []),
        (
            {
                "/etc/security/limits.d/zz.conf": "* hard core unlimited\n",
                "/etc/systemd/coredump.conf.d/zz.conf": "[Coredump]\nStorage = external\n",
            },
            ["* hard core 0", "Storage = none"],
        ),
    ],
)
def test_no_core_dump_is_kept(files: dict[str, str | None], edits: list[str]) -> None:
    host = Host(files)
    assert [wish.new for wish in host.wants("core-dumps-kept") if isinstance(wish, EditLine)] == edits
    host.mended("core-dumps-kept")


def test_the_notice_names_no_system() -> None:
    host = Host({"/etc/issue": "Debian GNU/Linux 13 \\n \\l\n\n", "/etc/issue.net": "Debian GNU/Linux 13\n"})
    assert [wish.path for wish in host.wants("login-screen-tells-system") if isinstance(wish, WriteFile)] == [
        "/etc/issue",
        "/etc/issue.net",
    ]
    host.mended("login-screen-tells-system")
