"""Groups that are worth as much as root."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from thornwall.model.accounts import Accounts
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
from thornwall.model.rule import Context, Option, Preset, Verdict, fail, passed, rule


def _accounts(ctx: Context) -> Accounts:
    return ctx.known(ctx.host.accounts, absent="there are no accounts")


_EQUIVALENT = {
    "docker": "may start a container that has the whole disk of the host",
    "lxd": "may start a container that has the whole disk of the host",
    "incus-admin": "may start a container that has the whole disk of the host",
    "libvirt": "may start a virtual machine that has the disk of the host",
    "disk": "may read and write the disk below every permission",
    "kmem": "may read the kernel's memory",
    "shadow": "may read every password hash",
}


@rule(
    "root-equivalent-group",
    "A group makes an account root without a password",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.RECOMMENDED,
    references=References(
        cis_debian12=("7.2.4",),
        ssg=("ensure_shadow_group_empty",),
        etsi=("5.6-7",),
        nist=("Logical Access to Interfaces",),
        cwe=(250,),
    ),
    commands=("sudo gpasswd --delete ACCOUNT GROUP",),
    options=(Option("allowed", (), "accounts that may be in such groups"),),
)
def root_equivalent_group(ctx: Context) -> Iterator[Verdict]:
    """Membership in docker, lxd, disk, kmem, libvirt or shadow is worth as much as root, and asks for no password.

    What:
        Accounts of people that are members of a group through which a program becomes root in one step.

    Why:
        Every program that such an account runs, a browser extension or a package's install script too, can take over
        the host without anybody typing a password: as if sudo had NOPASSWD.

    Remedy:
        Take the account out of the group, and use sudo, or rootless Docker or Podman, instead. If the account is meant
        to be as good as root, name it in the rule's option `allowed`.
    Risk of the remedy:
        Scripts of that account that call docker without sudo stop working, from its next login on.
    """
    accounts, failed = _accounts(ctx), False
    allowed = ctx.words("allowed")
    for account in accounts.people():
        if account.name in allowed:
            continue
        for name in sorted(accounts.groups_of.get(account.name, frozenset()) & _EQUIVALENT.keys()):
            failed = True
            group = accounts.group_by_name[name]
            yield fail(
                f"{account.name} is in the group {name}, and so {_EQUIVALENT[name]}.",
                Evidence("/etc/group", f"{name}:x:{group.gid}:{','.join(group.members)}", group.line),
                subject=account.name,
                commands=(f"sudo gpasswd --delete {shlex.quote(account.name)} {name}",),
            )
    if not failed:
        yield passed("No account of a person is root through a group.")


RULES = (root_equivalent_group,)
