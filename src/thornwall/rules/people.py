"""What no program can see: questions about the place, the network around, the people, the habits."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.finding import Attacker, Consequence, Effort, FaultClass, Fixable, Kind, Need, Reach, References
from thornwall.model.profile import Online, Place
from thornwall.model.rule import Context, Preset, Rule, Verdict, fail, manual, passed, rule
from thornwall.rules import people_care, people_habits


@rule(
    "device-needs-no-network",
    "The device is on a network that it does not need",
    subject="people",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=3,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Connecting to the Internet", "Practical Steps to Secure IoT Devices"),
        etsi=("5.6-1",),
        nist=("Logical Access to Interfaces",),
    ),
    asks=True,
)
def device_needs_no_network(ctx: Context) -> Iterator[Verdict]:
    """A device that works without the network hangs on one.

    What:
        Your own answer: whether what the device does needs a network at all, and the Internet in particular.

    Why:
        Just being on the network makes it a target: worms look for any device, whatever it holds. What cannot
        be reached cannot be broken into from afar.

    Remedy:
        If it works without, pull the cable and switch Wi-Fi off; plug it in for updates only. If it needs the
        home network alone, block it from the Internet in the router. Say so in its profile (`thornwall profile
        init`).

    Risk of the remedy:
        No updates, no correct clock and no remote login while it is off the network.
    """
    if ctx.profile.online is Online.NEEDLESS:
        yield fail("Its profile says that it is on a network and need not be.")
    elif ctx.profile.online is Online.NO:
        yield passed("Its profile says that it is on no network.")
    else:
        yield manual(
            "Does the device need the network that it is on, and the Internet if it can reach it, for its work?"
        )


@rule(
    "no-network-of-its-own",
    "The device shares a network with computers and phones",
    subject="people",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=4,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.HOUR,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Connect to Wi-Fi Carefully", "Practical Steps to Secure IoT Devices"), etsi=("5.6-1",)
    ),
    asks=True,
)
def no_network_of_its_own(ctx: Context) -> Iterator[Verdict]:  # noqa: ARG001
    """It is not on a guest network or VLAN of its own.

    What:
        Your own answer: whether the router keeps such devices apart from laptops, phones and file servers.

    Why:
        If one device is broken into, the next thing it does is look around. On a network of its own it finds
        nothing to spread to.

    Remedy:
        Put it on the router's guest network, or on a VLAN with a rule that lets the main network reach it and
        not the other way round.

    Risk of the remedy:
        Programs that find the device by broadcast (AirPlay, printers, `.local` names) do not see it across
        networks.
    """
    yield manual("Is the device on a network of its own (guest Wi-Fi, VLAN), apart from laptops and phones?")


@rule(
    "device-activity-unwatched",
    "Nobody looks at what the device does on the network",
    subject="people",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.BLINDNESS,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Monitor Device Activity", "Practical Steps to Secure IoT Devices"),
        etsi=("5.10-1",),
        nist=("Cybersecurity State Awareness",),
    ),
    asks=True,
)
def device_activity_unwatched(ctx: Context) -> Iterator[Verdict]:  # noqa: ARG001
    """Its traffic is not watched by the router or a monitoring tool.

    What:
        Your own answer: whether somebody would notice if the device suddenly sent a lot, at night, to strange
        places.

    Why:
        A device in a botnet goes on doing its work: only its traffic shows it.

    Remedy:
        Look at the router's list of clients and their traffic once in a while, let it notify you, or run a
        monitor (ntopng, Pi-hole's log).

    Risk of the remedy:
        None; what is logged about the people at home is their data, too.
    """
    yield manual("Would somebody notice unusual traffic of this device (router's overview, monitoring, DNS log)?")


@rule(
    "device-easy-to-take",
    "The card or the whole device can be carried away",
    subject="people",
    kind=Kind.PHYSICAL,
    fault_class=FaultClass.PHYSICAL,
    likelihood=2,
    impact=4,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.HOUR,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    needs=(Need.HANDS,),
    references=References(
        document=("Identify the attack surface", "Top IoT Vulnerabilities/Misconfiguration"),
        etsi=("5.6-3",),
        owasp_iot=("I10",),
        cwe=(1263,),
    ),
    asks=True,
)
def device_easy_to_take(ctx: Context) -> Iterator[Verdict]:
    """No lock keeps hands off the card, the ports and the board.

    What:
        Your own answer: where the device stands, and what somebody could take or plug in within a minute.

    Why:
        The SD card holds everything: keys, passwords, pictures. Whoever has it for a minute reads it, or
        changes it and puts it back.

    Remedy:
        Put the device into a locked room or enclosure that covers card and ports too; at a fair or in a school use a
        cable lock. Where the data is worth it, encrypt the disk.
    Risk of the remedy:
        A closed case needs ventilation, and you need its key when the device hangs.
    """
    if ctx.profile.place is Place.LOCKED:
        yield passed("Its profile says that it is locked away.")
    else:
        yield manual("Are the device, its card and its ports out of reach of people who should not have them?")


RULES: tuple[Rule, ...] = (
    device_needs_no_network,
    no_network_of_its_own,
    device_activity_unwatched,
    device_easy_to_take,
    *people_habits.RULES,
    *people_care.RULES,
)
