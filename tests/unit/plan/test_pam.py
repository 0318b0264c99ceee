"""Fixes of PAM's rules. That pwquality.conf is read after its drop-ins was tried with passwd(1) of Debian 13."""

from __future__ import annotations

import pytest

from thornwall.model.change import EditLine, OwnLine, Packages, Wish
from thornwall.model.rule import Preset

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
        (stack(JUDGED.replace("retry=3", "minlen=5")), Preset.RECOMMENDED, []),
        (stack(JUDGED.replace("pam_pwquality.so retry=3", "pam_passwdqc.so")), Preset.STRICT, []),
    ],
)
def test_password_quality(files: dict[str, str | None], preset: Preset, wishes: list[Wish]) -> None:
    host = Host(files, preset=preset)
    assert host.wants("no-password-quality") == tuple(wishes)
    if wishes and PACKAGES not in wishes:
        host.mended("no-password-quality")


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
