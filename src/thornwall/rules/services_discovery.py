"""Services by which a device is found, and the print server."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.finding import Attacker, Consequence, References
from thornwall.model.rule import Context, Preset, Rule, Verdict
from thornwall.rules.offered import Offer, judge
from thornwall.rules.services_login import ACCESS, DISABLE, STEPS, SURFACE, listens

AVAHI = Offer("avahi-daemon", units=("avahi-daemon",), programs=("avahi-daemon",), ports=("udp/5353",))
UPNP = Offer(
    "upnp",
    units=("minidlna", "miniupnpd", "rygel", "gmediarender", "upmpdcli", "mediatomb", "gerbera", "linux-igd"),
    programs=("minidlnad", "miniupnpd", "rygel", "gmediarender", "upmpdcli", "gerbera", "gupnp-av-cp", "upnpd"),
    ports=("udp/1900",),
)
LLMNR = Offer("llmnr", programs=("systemd-resolve",), ports=("tcp/5355", "udp/5355"), sure=True)
RPCBIND = Offer("rpcbind", units=("rpcbind",), programs=("rpcbind",), ports=("tcp/111", "udp/111"), sure=True)
CUPS = Offer("cups", units=("cups",), programs=("cupsd",), ports=("tcp/631",))
BROWSED = Offer("cups-browsed", units=("cups-browsed",), programs=("cups-browsed",), ports=("udp/631",))


@listens(
    "avahi-listening",
    "Avahi announces the device to the network",
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    preset=Preset.DOCUMENTS,
    commands=("sudo systemctl disable --now avahi-daemon.service avahi-daemon.socket",),
    references=References(
        document=(STEPS, DISABLE),
        cis_debian12=("2.1.2",),
        ssg=("service_avahi-daemon_disabled", "package_avahi_removed"),
        etsi=("5.6-2", "5.6-5"),
        nist=ACCESS,
        owasp_iot=("I2",),
        cwe=(200,),
    ),
)
def avahi_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether the device tells everybody on the network that it is there.

    What:
        Avahi answers multicast DNS (UDP port 5353): it gives the device its name ending in .local, and tells which
        services it offers.
    Why:
        Everybody on the network, a guest or an infected television, learns what the device is and what runs on it
        without asking twice. It is one more program that parses what strangers send.
    Remedy:
        Switch Avahi off, if you reach the device by its address or by a name that your router gives it. The socket goes
        too, for it would start the service again.
    Risk of the remedy:
        raspberrypi.local no longer works, nor do printers, speakers and Home Assistant find the device by themselves.
        Do not do it while you are logged in by a .local name: find the address first (`hostname -I`).
    """
    yield from judge(ctx, AVAHI, "The device announces itself by multicast DNS", disable=True)


@listens(
    "upnp-listening",
    "A UPnP service answers on the network",
    likelihood=3,
    impact=2,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    preset=Preset.DOCUMENTS,
    commands=("sudo systemctl disable --now minidlna.service",),
    references=References(document=(STEPS,), etsi=("5.6-2", "5.6-5"), nist=ACCESS, owasp_iot=("I2",), cwe=(306,)),
)
def upnp_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether Universal Plug and Play is offered.

    What:
        A UPnP or DLNA program (minidlna, miniupnpd, rygel, gmediarender and others) listens, or is set to start at
        boot.
    Why:
        UPnP knows no login: everybody on the network may look through the media, or, with miniupnpd, open ports of the
        router.
    Remedy:
        Switch the program off, if nothing plays from it. Else bind it to one interface and keep guests off that
        network.
    Risk of the remedy:
        Televisions and speakers no longer find the media on this device.
    """
    yield from judge(ctx, UPNP, "Universal Plug and Play is offered", disable=True)


@listens(
    "llmnr-listening",
    "The resolver answers names by LLMNR",
    likelihood=2,
    impact=2,
    attacker=Attacker.NEAR,
    consequence=Consequence.DISCLOSURE,
    commands=(
        "sudo install -d /etc/systemd/resolved.conf.d",
        "printf '[Resolve]\\nLLMNR=no\\n' | sudo tee /etc/systemd/resolved.conf.d/10-hardening.conf",
        "sudo systemctl restart systemd-resolved.service",
    ),
    references=References(document=(STEPS,), etsi=("5.6-1", "5.6-5"), nist=ACCESS, owasp_iot=("I2",), cwe=(346,)),
)
def llmnr_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether names are asked of, and told to, everybody on the network.

    What:
        systemd-resolved listens on port 5355: link-local multicast name resolution is on.
    Why:
        Any machine nearby may answer a mistyped name and receive what was meant for another.
    Remedy:
        Write `LLMNR=no` below `[Resolve]` into a file in /etc/systemd/resolved.conf.d and restart systemd-resolved.
    Risk of the remedy:
        Windows computers of the same network are no longer found by their bare names.
    """
    yield from judge(ctx, LLMNR, "Names are resolved by asking the whole network")


@listens(
    "rpcbind-listening",
    "rpcbind answers on the network",
    likelihood=2,
    impact=3,
    attacker=Attacker.WORM,
    consequence=Consequence.DISRUPTION,
    preset=Preset.DOCUMENTS,
    commands=("sudo systemctl disable --now rpcbind.service rpcbind.socket",),
    references=References(
        document=(STEPS, SURFACE),
        cis_debian12=("2.1.12",),
        ssg=("service_rpcbind_disabled", "package_rpcbind_removed"),
        etsi=("5.6-5",),
        nist=ACCESS,
        owasp_iot=("I2",),
        cwe=(406,),
    ),
)
def rpcbind_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether the RPC port mapper is offered.

    What:
        rpcbind listens on port 111, TCP and UDP. The desktop image of Raspberry Pi OS on trixie brings it along.
    Why:
        Only NFS before version 4 needs it. It tells strangers what else runs, and answers a small question with a long
        list: botnets use that to flood others.
    Remedy:
        Switch rpcbind off with its socket, which would start it again. NFS version 4 works without it.
    Risk of the remedy:
        Shares mounted with NFS version 2 or 3, and NIS, stop working.
    """
    yield from judge(ctx, RPCBIND, "The port mapper answers strangers", disable=True)


@listens(
    "cups-listening",
    "The print server is open to the network",
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    consequence=Consequence.TAKEOVER,
    preset=Preset.DOCUMENTS,
    commands=("sudo systemctl disable --now cups.service cups.socket cups.path",),
    references=References(
        document=(DISABLE, STEPS),
        cis_debian12=("2.1.11",),
        ssg=("service_cups_disabled", "package_cups_removed"),
        etsi=("5.6-1", "5.6-5"),
        nist=ACCESS,
        owasp_iot=("I2",),
        cwe=(1327,),
    ),
)
def cups_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether the print server answers others than the device itself.

    What:
        CUPS listens beyond loopback (TCP port 631). As it is shipped, it listens on loopback alone.
    Why:
        It is a large program, run as root, with a web page for managing it: chains of its flaws have given strangers a
        shell. A device that does not print for others has no use for that.
    Remedy:
        Switch the print server off, with its socket and its path unit, which would start it again, if nothing prints.
        If only the device itself prints, write `Listen localhost:631` in place of `Port 631` in /etc/cups/cupsd.conf
        and restart it.
    Risk of the remedy:
        Other computers can no longer print through this one.
    """
    yield from judge(
        ctx, CUPS, "The print server can be reached from the network", bound=lambda: _cups_bound(ctx), disable=True
    )


def _cups_bound(ctx: Context) -> Fact[bool]:
    """Whether cupsd.conf has it listen beyond loopback: any `Port`, or a `Listen` of another address."""
    match ctx.host.servers:
        case Known(servers):
            return servers.cups_bound
        case Unknown() as unknown_:
            return unknown_
        case _:
            return Known(False)


@listens(
    "cups-browsed-listening",
    "cups-browsed takes printers from strangers",
    likelihood=3,
    impact=4,
    attacker=Attacker.WORM,
    consequence=Consequence.TAKEOVER,
    preset=Preset.DOCUMENTS,
    commands=("sudo systemctl disable --now cups-browsed.service",),
    references=References(
        document=(DISABLE, STEPS),
        cis_debian12=("2.1.11",),
        etsi=("5.6-5",),
        nist=ACCESS,
        owasp_iot=("I2",),
        cwe=(1327,),
    ),
)
def cups_browsed_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether cups-browsed listens for printers that announce themselves.

    What:
        cups-browsed listens on UDP port 631 on every address, as it did before the flaws of September 2024.
    Why:
        A single packet made it add a printer of the attacker's, whose description ran commands at the next print job
        (CVE-2024-47176 and others).
    Remedy:
        Switch cups-browsed off: printers that speak IPP Everywhere work without it. If you need it, write
        `BrowseRemoteProtocols none` into /etc/cups/cups-browsed.conf.
    Risk of the remedy:
        Printers shared by other CUPS servers no longer appear by themselves.
    """
    yield from judge(
        ctx, BROWSED, "Anybody can announce printers to the device", bound=lambda: _browsed_bound(ctx), disable=True
    )


def _browsed_bound(ctx: Context) -> Fact[bool]:
    match ctx.host.servers:
        case Known(servers):
            return servers.browsed_bound
        case Unknown() as unknown_:
            return unknown_
        case _:
            return Known(False)


RULES: tuple[Rule, ...] = (
    avahi_listening,
    upnp_listening,
    llmnr_listening,
    rpcbind_listening,
    cups_listening,
    cups_browsed_listening,
)
