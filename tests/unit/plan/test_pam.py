"""Fixes of PAM's rules, tried on Debian 12 and 13.

There pwquality.conf is read after its drop-ins (passwd), and two profiles for pam-auth-update lock an account at the
fifth wrong password (su), let its key in (ssh), and leave /etc/pam.d as it was when they are removed (cmp).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from thornwall.model.change import EditLine, OwnLine, Packages, Tool, Wish, WriteFile
from thornwall.model.plan import WayIn
from thornwall.model.rule import Preset
from thornwall.plan.fix import Hold

from .ways import GROUP, Host

QUALITY = "/etc/security/pwquality.conf"
OURS = "/etc/security/pwquality.conf.d/99-thornwall.conf"
PLAIN = "password\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt\n"
JUDGED = "password\trequisite\t\t\tpam_pwquality.so retry=3\n" + PLAIN
SU = "# comment\nauth       sufficient pam_rootok.so\n# more\n@include common-auth\n"
PACKAGES = Packages(install=("cracklib-runtime", "libpam-pwquality"))


def stack(common: str) -> dict[str, str | None]:
    return {"/etc/pam.d/passwd": "@include common-password\n", "/etc/pam.d/common-password": common}


@pytest.mark.parametrize(
    ("files", "preset", "wishes"),
    [
        (stack(PLAIN), Preset.RECOMMENDED, [PACKAGES]),
        (stack(PLAIN), Preset.STRICT, [PACKAGES, OwnLine(OURS, "minlen", "minlen = 14")]),
        (stack(JUDGED), Preset.STRICT, [OwnLine(OURS, "minlen", "minlen = 14")]),
        (
            stack(JUDGED) | {QUALITY: "# minlen = 8\nminlen=6\n"},
            Preset.RECOMMENDED,
            [EditLine(QUALITY, 2, "minlen=6", "minlen = 8")],
        ),
        (  # the drop-in asks for more, and the main file is read last
            stack(JUDGED) | {QUALITY: "minlen = 6\n", f"{QUALITY}.d/local.conf": "minlen = 20\n"},
            Preset.RECOMMENDED,
            [EditLine(QUALITY, 1, "minlen = 6", "minlen = 8")],
        ),
        (  # it sorts before ours
            stack(JUDGED) | {f"{QUALITY}.d/50-local.conf": "minlen = 6\n"},
            Preset.RECOMMENDED,
            [OwnLine(OURS, "minlen", "minlen = 8")],
        ),
        (  # and this one behind it
            stack(JUDGED) | {f"{QUALITY}.d/local.conf": "minlen = 6\n"},
            Preset.RECOMMENDED,
            [EditLine(f"{QUALITY}.d/local.conf", 1, "minlen = 6", "minlen = 8")],
        ),
        (stack(JUDGED.replace("retry=3", "minlen=5")), Preset.RECOMMENDED, []),
        (stack(JUDGED.replace("pam_pwquality.so retry=3", "pam_passwdqc.so")), Preset.STRICT, []),
    ],
)
def test_password_quality(files: dict[str, str | None], preset: Preset, wishes: list[Wish]) -> None:
    host = Host(files, preset=preset)
    assert host.wants("no-password-quality") == tuple(wishes)
    if wishes and PACKAGES not in wishes:
        host.mended("no-password-quality")


def test_the_dictionary_that_pwquality_cannot_do_without() -> None:
    """Whatever length is asked for; where no dictionary is wanted, none is installed."""
    line = "{}\t1.4.5-5\tamd64\tlibpwquality\tinstall\n"
    packages = {"packages": line.format("libpam-pwquality")}
    dictionary = Packages(install=("cracklib-runtime",))
    ours = OwnLine(OURS, "minlen", "minlen = 14")
    assert Host(stack(JUDGED), packages).wants("no-password-quality") == (dictionary, ours)
    assert Host(stack(JUDGED), packages, preset=Preset.RECOMMENDED).wants("no-password-quality") == (dictionary,)
    long = stack(JUDGED.replace("retry=3", "minlen=16"))
    assert Host(long, packages).wants("no-password-quality") == (dictionary,)
    without = stack(JUDGED.replace("retry=3", "dictcheck=0"))
    assert Host(without, packages).wants("no-password-quality") == (ours,)
    there = {"packages": packages["packages"] + line.format("cracklib-runtime")}
    assert Host(stack(JUDGED), there).wants("no-password-quality") == (ours,)


@pytest.mark.parametrize(("groups", "name"), [(GROUP, "sudo"), (GROUP + "wheel:x:10:pi\n", "wheel")])
def test_su_is_for_administrators(groups: str, name: str) -> None:
    """Behind pam_rootok, so that root itself needs to be in no group."""
    files: dict[str, str | None] = {
        "/etc/pam.d/su": SU,
        "/etc/pam.d/common-auth": "auth required pam_unix.so\n",
        "/etc/group": groups,
    }
    old = "auth       sufficient pam_rootok.so"
    wish = EditLine("/etc/pam.d/su", 2, old, f"{old}\nauth       required   pam_wheel.so use_uid group={name}")
    host = Host(files)
    assert host.wants("su-unrestricted") == (wish,)
    host.mended("su-unrestricted")


def test_a_stack_of_somebodys_own_is_left_to_him() -> None:
    files: dict[str, str | None] = {"/etc/pam.d/su": "auth required pam_unix.so\n"}
    assert Host(files).wants("su-unrestricted") == ()


THROTTLED: dict[str, str | None] = {
    "/etc/os-release": "ID=debian\nVERSION_ID=13\n",
    "/etc/pam.d/sshd": "@include common-auth\n",
    "/etc/pam.d/common-auth": "auth\t[success=1 default=ignore]\tpam_unix.so nullok\n",
}
MODULES = {"login-programs": "./usr/bin/sudo\n./usr/lib/aarch64-linux-gnu/security/pam_faillock.so\n"}


def test_both_halves_of_faillock_or_none() -> None:
    """The module in front that refuses, the one behind pam_unix that counts, and the one of the account that clears."""
    first, second, tool = Host(THROTTLED, MODULES).wants("no-login-throttle")
    assert isinstance(first, WriteFile)
    assert isinstance(second, WriteFile)
    assert isinstance(tool, Tool)
    assert b"[default=die]\tpam_faillock.so authfail deny=5 unlock_time=600\n" in first.content
    assert b"requisite\tpam_faillock.so preauth deny=5 unlock_time=600\n" in second.content
    assert second.content.endswith(b"Account:\n\trequired\tpam_faillock.so\n")
    (run,) = tool.run
    assert run[2:] == ("pam-auth-update", "--package", "--enable", "thornwall-faillock", "thornwall-faillock-first")
    assert {"/etc/pam.d/common-auth", "/etc/pam.d/common-account", "/var/lib/pam"} <= set(tool.keeps)


def test_no_throttle_where_its_module_is_not() -> None:
    assert Host(THROTTLED).wants("no-login-throttle") == ()
    assert Host(THROTTLED | {"/etc/os-release": "ID=fedora\n"}, MODULES).wants("no-login-throttle") == ()


def test_the_guesses_of_others_do_not_shut_out_who_has_no_key() -> None:
    hold, *_ = replace(Host(THROTTLED, MODULES), way_in=WayIn("ssh", user="pi")).wants("no-login-throttle")
    assert isinstance(hold, Hold)
    assert (hold.interlock, hold.accept) == ("login-throttle", True)
