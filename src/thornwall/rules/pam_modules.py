"""Modules of PAM that are not there, and what one lets through."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Reach,
    References,
)
from thornwall.model.pam import Pam, PamLine
from thornwall.model.rule import Context, Preset, Verdict, fail, passed, rule, unknown


def _pam(ctx: Context) -> Pam:
    return ctx.known(ctx.host.pam, absent="the host does not use PAM")


def _at(line: PamLine) -> Evidence:
    return Evidence(line.file, line.text, line.line)


@rule(
    "pam-nullok",
    "PAM lets accounts without a password in",
    subject="pam",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.PASSWORDS,
    likelihood=1,
    impact=4,
    attacker=Attacker.NEAR,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.STRICT,
    references=References(
        cis_debian12=("5.3.3.4.1",),
        ssg=("no_empty_passwords_unix",),
        nist=("Logical Access to Interfaces",),
        cwe=(258,),
    ),
)
def pam_nullok(ctx: Context) -> Iterator[Verdict]:
    """The word `nullok` makes an empty password field a way in.

    What:
        Auth lines of pam_unix with `nullok` in any service. Debian has it in `common-auth` by default; the rule
        `empty-password` finds accounts for which it matters.

    Why:
        As long as no account has an empty password it changes nothing. Should one ever get one, it is open.

    Remedy:
        Choose a PAM profile of your own without `nullok`: copy `/usr/share/pam-configs/unix`, take the word out of the
        copy, and choose it with `sudo pam-auth-update`.
    Risk of the remedy:
        Displays that log in through an empty password ask for one. A mistake in these files locks everybody out: keep a
        root shell open.
    """
    pam, failed = _pam(ctx), False
    for entries in pam.services.values():
        for line in entries:
            if isinstance(line, PamLine) and line.kind == "auth" and line.name == "pam_unix" and _nullok(line):
                failed = True
                yield fail("An account without a password may log in.", _at(line), subject=line.file)
    for name, why in pam.unread.items():
        failed = True
        yield unknown(why.reason, subject=name, mend=why.mend)
    if not failed:
        yield passed("No service of PAM takes an empty password.")


def _nullok(line: PamLine) -> bool:
    return line.argument("nullok") is not None or line.argument("nullok_secure") is not None


@rule(
    "pam-module-missing",
    "PAM wants a module that is not there",
    subject="pam",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.LOCAL,
    consequence=Consequence.DISRUPTION,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.RECOMMENDED,
    references=References(
        nist=("Logical Access to Interfaces",),
    ),
    commands=("sudo pam-auth-update",),
)
def pam_module_missing(ctx: Context) -> Iterator[Verdict]:
    """A line of pam.d names a module whose file does not exist.

    What:
        Lines of `/etc/pam.d` whose module is in none of the directories of PAM, except those that are optional or begin
        with `-`.

    Why:
        PAM counts a missing module as a failure: where it is required nobody gets through that service any more, be it
        the login, sudo or a screen lock.

    Remedy:
        Install the package that has the module, or take the line out. `apt-file search pam_NAME.so` names the package;
        the `common-` files are changed with `sudo pam-auth-update`.
    Risk of the remedy:
        A line that is taken out no longer asks what it asked for: read it first. Keep a root shell open.
    """
    pam = _pam(ctx)
    modules = ctx.known(pam.modules, absent="no PAM module was found")
    failed = False
    for entries in pam.services.values():
        for line in entries:
            if not isinstance(line, PamLine) or line.silent or _harmless(line) or _installed(line, modules):
                continue
            failed = True
            yield fail(
                f"{line.file} wants {line.module}, which is not installed.",
                _at(line),
                subject=f"{line.file}:{line.line}",
            )
    for name, why in pam.unread.items():
        failed = True
        yield unknown(why.reason, subject=name, mend=why.mend)
    if not failed:
        yield passed("Every module that PAM wants is there.")


def _harmless(line: PamLine) -> bool:
    """Whether a module that is not there makes nothing fail."""
    if line.control.startswith("["):
        actions = dict(word.partition("=")[::2] for word in line.control.strip("[]").split())
        return actions.get("module_unknown", actions.get("default", "")) in {"ignore", "ok", "done"}
    return line.control in {"optional", "sufficient"}


def _installed(line: PamLine, modules: frozenset[str]) -> bool:
    name = line.module if line.module.endswith(".so") else f"{line.module}.so"
    return name in modules or name.rpartition("/")[2] in modules or "$ISA" in name


RULES = (pam_nullok, pam_module_missing)
