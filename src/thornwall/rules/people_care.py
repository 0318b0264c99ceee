"""Care for what was made and what is kept: code, data, access. No program sees it: each is a question."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.finding import Attacker, Consequence, Effort, FaultClass, Fixable, Kind, Reach, References
from thornwall.model.rule import Context, Preset, Rule, Verdict, manual, rule


@rule(
    "code-not-reviewed",
    "Nobody else has read the code of the project",
    subject="people",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.INTERFACE,
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.HOUR,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(document=("Code review",)),
    asks=True,
)
def code_not_reviewed(ctx: Context) -> Iterator[Verdict]:  # noqa: ARG001
    """What you wrote for the device was never read by a second person.

    What:
        Your own answer: whether somebody else has looked through the scripts and programs that were written for
        this device.

    Why:
        Another pair of eyes sees what the author does not: a password in the code, input that is not checked, a
        port left open.

    Remedy:
        Ask a friend to read it, and do the same for theirs. Keep it in version control, so that changes can be
        read, too.

    Risk of the remedy:
        None. Take secrets out before you show it.
    """
    yield manual("Has somebody else reviewed the code that was written for this device (or is there none)?")


@rule(
    "home-made-security",
    "The project reinvents what packages do better",
    subject="people",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.INTERFACE,
    likelihood=1,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.HOUR,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Existing software packages", "Encryption"),
        etsi=("5.1-3", "5.5-1"),
        owasp_top10=("A02:2021",),
        cwe=(327,),
    ),
    asks=True,
)
def home_made_security(ctx: Context) -> Iterator[Verdict]:  # noqa: ARG001
    """Login, encryption or a web server of one's own making stands where a tried one could.

    What:
        Your own answer: whether logins, password storage, encryption and updates come from existing, maintained
        packages.

    Why:
        Reinventing the wheel makes the mistakes that others have already made and mended.

    Remedy:
        Use TLS and SSH instead of a protocol of your own, a web framework's login instead of one you wrote, and
        store passwords as hashes (argon2, bcrypt).

    Risk of the remedy:
        It is work; do it before the project grows.
    """
    yield manual("Do logins, password storage, encryption and updates all come from existing, maintained software?")


@rule(
    "data-not-known",
    "Nobody has written down what the device holds",
    subject="people",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("What kind of target is your device?",), etsi=("5.8-1",), nist=("Data Protection",), owasp_iot=("I6",)
    ),
    asks=True,
)
def data_not_known(ctx: Context) -> Iterator[Verdict]:  # noqa: ARG001
    """What data, passwords and recordings lie on it is not known.

    What:
        Your own answer: whether you know what personal data, recordings, passwords and keys for other systems
        are on the device, and have deleted what is not needed.

    Why:
        What is not there cannot be stolen; what you forgot is what is stolen.

    Remedy:
        Go through the home folders, databases and recordings; delete what is not needed, set a time after which
        recordings go, and fill in the device's profile (`thornwall profile init`).

    Risk of the remedy:
        Deleted is deleted: have a backup of what you still need.
    """
    yield manual("Do you know what personal data and passwords are on the device, and is what is not needed deleted?")


@rule(
    "app-permissions-open",
    "The companion app may see more than it needs",
    subject="people",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(document=("Practical Steps to Secure IoT Devices",), etsi=("5.8-3",), owasp_iot=("I6",)),
    asks=True,
)
def app_permissions_open(ctx: Context) -> Iterator[Verdict]:  # noqa: ARG001
    """An app that belongs to the device has rights on the phone that it does not need.

    What:
        Your own answer: whether the permissions of its phone app (location, microphone, contacts) were looked
        through.

    Why:
        What the app collects goes to a server that you do not run.

    Remedy:
        In the phone's settings take away every permission that the app does not need; prefer a web page on the
        device itself.

    Risk of the remedy:
        Some apps refuse to work without location, which they use to find the device nearby.
    """
    yield manual("Have the permissions of its phone app been cut down to what is needed (or is there no app)?")


@rule(
    "no-plan-for-loss",
    "Nobody knows what to do when the device is lost or broken into",
    subject="people",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.PHYSICAL,
    likelihood=1,
    impact=4,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.DISRUPTION,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.RECOMMENDED,
    references=References(document=("Identify the attack surface", "Backup")),
    asks=True,
)
def no_plan_for_loss(ctx: Context) -> Iterator[Verdict]:  # noqa: ARG001
    """There is no list of what to change and where the backup is.

    What:
        Your own answer: whether it is written down which passwords, keys and accesses to revoke, who is told,
        and from which backup the device is set up again.

    Why:
        On the day it happens, what is not written down is forgotten: the token of the mail account, the key
        that opens the server.

    Remedy:
        Write one page: what the device has access to and where to revoke that; where the backup and its password are;
        how to set it up again. Keep it elsewhere than on the device.
    Risk of the remedy:
        None, if the page names places and not the secrets themselves.
    """
    yield manual(
        "Is it written down what to revoke, and from which backup to restore, when the device is lost or broken into?"
    )


@rule(
    "access-not-reviewed",
    "Nobody has looked through who may log in",
    subject="people",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.PASSWORDS,
    likelihood=2,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.RECOMMENDED,
    references=References(
        document=("Identify the attack surface", "Configure SSH key-based authentication"),
        etsi=("5.6-7",),
        nist=("Logical Access to Interfaces",),
    ),
    asks=True,
)
def access_not_reviewed(ctx: Context) -> Iterator[Verdict]:  # noqa: ARG001
    """Accounts and keys are kept though their owners no longer need them.

    What:
        Your own answer: whether each account, SSH key and sudo right belongs to somebody who still needs it.
        `thornwall surface` lists them.

    Why:
        The key of a former housemate, or of a laptop that was sold, opens the device as well as yours.

    Remedy:
        Go through `thornwall surface TARGET`: remove accounts (`sudo deluser NAME`) and lines of authorized_keys that
        nobody needs.
    Risk of the remedy:
        Whoever is removed by mistake is locked out until an administrator puts him back: keep your own key.
    """
    yield manual("Has every account, SSH key and sudo right been looked through within the last year?")


RULES: tuple[Rule, ...] = (
    code_not_reviewed,
    home_made_security,
    data_not_known,
    app_permissions_open,
    no_plan_for_loss,
    access_not_reviewed,
)
