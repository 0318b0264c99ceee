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


RULES: tuple[Rule, ...] = (
    on_when_unused,
    advisories_not_followed,
    manufacturer_not_checked,
    household_may_be_tricked,
    disclosed_secret_kept,
)
