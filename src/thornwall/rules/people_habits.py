"""Habits of the people around the device, which no program can see: each is a question to be answered."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.finding import Attacker, Consequence, Effort, FaultClass, Fixable, Kind, Reach, References
from thornwall.model.rule import Context, Preset, Rule, Verdict, manual, rule


@rule(
    "on-when-unused",
    "The device runs while nobody uses it",
    subject="people",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(document=("Practical Steps to Secure IoT Devices",)),
    asks=True,
)
def on_when_unused(ctx: Context) -> Iterator[Verdict]:  # noqa: ARG001
    """It stays on, and reachable, when it is not needed.

    What:
        Your own answer: whether the device is switched off, or off the network, when it has nothing to do.

    Why:
        What is off cannot be attacked, and needs no power.

    Remedy:
        Shut it down when it is not needed (`sudo poweroff`), or put it on a timer switch that follows a clean
        shutdown.

    Risk of the remedy:
        Pulling the plug without a shutdown can damage the card. Updates come only while it runs.
    """
    yield manual("Is the device switched off when it is not in use, or does it have to run all the time?")


@rule(
    "advisories-not-followed",
    "Nobody reads the security notices for its software",
    subject="people",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.UPDATES,
    likelihood=2,
    impact=3,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Security alerts", "Initial IoT Devices Security Steps"),
        etsi=("5.3-8",),
        nist=("Cybersecurity State Awareness",),
        owasp_iot=("I4",),
    ),
    asks=True,
)
def advisories_not_followed(ctx: Context) -> Iterator[Verdict]:  # noqa: ARG001
    """Nobody would hear of a flaw in what runs on it.

    What:
        Your own answer: whether somebody has subscribed to the notices of the distribution, of the maker of the
        board, and of the software that was installed by hand.

    Why:
        Automatic updates mend what comes as a package. What was copied from a web page, or runs in a container,
        only its users can update: and they must know.

    Remedy:
        Subscribe to debian-security-announce, to the news of Raspberry Pi, and to the releases of each project you
        installed by hand.
    Risk of the remedy:
        None; a few mails a week.
    """
    yield manual(
        "Does somebody get the security notices for the system and for the software installed by hand, and act on them?"
    )


@rule(
    "manufacturer-not-checked",
    "Nobody looked up what the maker says about its security",
    subject="people",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(document=("Initial IoT Devices Security Steps",), etsi=("5.3-13",)),
    asks=True,
)
def manufacturer_not_checked(ctx: Context) -> Iterator[Verdict]:  # noqa: ARG001
    """The maker's advice on set-up, firmware and how long it is supported has not been read.

    What:
        Your own answer: whether the maker's pages on security features, firmware and end of support were looked
        at.

    Why:
        Cameras, displays and add-on boards have firmware and passwords of their own, which an update of the
        system does not touch.

    Remedy:
        Look up board and accessories on their makers' sites, note until when they are supported, and follow
        their set-up advice.

    Risk of the remedy:
        Nothing stops working because of it.
    """
    yield manual("Were the makers' security advice and end of support looked up for the board and its accessories?")


@rule(
    "household-may-be-tricked",
    "People around the device could be talked into giving it away",
    subject="people",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(document=("Identify the attack surface",)),
    asks=True,
)
def household_may_be_tricked(ctx: Context) -> Iterator[Verdict]:  # noqa: ARG001
    """Household or team do not know what not to tell.

    What:
        Your own answer: whether everybody around knows not to discuss the security system, and to check who is
        asking.

    Why:
        The friendly question about your alarm can be the preparation of a burglary; the call from 'support'
        asks for the password.

    Remedy:
        Talk about it: nobody gives out how the system works or a code, and who asks is called back on a number
        that you know.

    Risk of the remedy:
        Nothing stops working because of it.
    """
    yield manual("Do the people around the device know what not to tell strangers, and how to check who is asking?")


@rule(
    "disclosed-secret-kept",
    "What was given away is still in use",
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
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Identify the attack surface", "Changing the default password"),
        etsi=("5.1-4",),
        owasp_iot=("I1",),
        cwe=(522,),
    ),
    asks=True,
)
def disclosed_secret_kept(ctx: Context) -> Iterator[Verdict]:  # noqa: ARG001
    """A password, key or plan that others came to know has not been changed.

    What:
        Your own answer: whether secrets that were shared, posted, or known to people who have left were changed
        since.

    Why:
        A secret that is out stays out. Passwords pushed to a public repository are found by programs within
        minutes.

    Remedy:
        Change the password and revoke the key that others know; where the design itself was given away, change the
        system.
    Risk of the remedy:
        Programs that use the old secret stop until they are told the new one.
    """
    yield manual(
        "Have all passwords and keys been changed that others came to know (shared, posted, left with somebody)?"
    )


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
    on_when_unused,
    advisories_not_followed,
    manufacturer_not_checked,
    household_may_be_tricked,
    disclosed_secret_kept,
    code_not_reviewed,
    home_made_security,
    data_not_known,
    app_permissions_open,
    no_plan_for_loss,
    access_not_reviewed,
)
