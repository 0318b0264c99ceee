"""Fixes of the rules about services: what listens and need not is switched off, for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from thornwall.model.change import Activate, EditLine, OwnLine, Packages, Purpose, SetMode, Tool, UnitsOff
from thornwall.model.fact import Known
from thornwall.model.filesystem import Entry
from thornwall.model.finding import Finding
from thornwall.model.services import InetdEntry, Services, Unit
from thornwall.plan.fix import Fix, Hold, Make, Situation, Want, fix
from thornwall.plan.lines import edit, exact_lines, off, seen_lines, services_of

PATHS: tuple[str, ...] = (
    "/etc/inetd.conf",
    "/etc/inetd.d/*",
    "/etc/xinetd.d/*",
    "/etc/systemd/resolved.conf.d/*",
    "/etc/systemd/system/*",
)

OFFERS: Mapping[str, tuple[str, ...]] = {
    # what a finding is about -> the units that offer it
    "telnet": ("telnet.socket", "telnetd", "inetutils-telnetd"),
    "ftp": ("vsftpd", "proftpd", "pure-ftpd", "pyftpd", "bftpd"),
    "rsh": ("rsh.socket", "rlogin.socket", "rexec.socket"),
    "tftp": ("tftpd-hpa", "atftpd", "tftp.socket"),
    "small-services": (),
    "vnc": ("vncserver-x11-serviced", "vncserver-virtuald", "wayvnc", "wayvnc-control", "x11vnc", "tigervncserver@:1"),
    "xrdp": ("xrdp", "xrdp-sesman"),
    "cockpit": ("cockpit.socket", "cockpit.service"),
    "webmin": ("webmin",),
    "shellinabox": ("shellinabox",),
    "ttyd": ("ttyd",),
    "avahi-daemon": ("avahi-daemon",),
    "upnp": ("minidlna", "miniupnpd", "rygel", "gmediarender", "upmpdcli", "mediatomb", "gerbera", "linux-igd"),
    "rpcbind": ("rpcbind",),
    "cups": ("cups",),
    "cups-browsed": ("cups-browsed",),
    "nfs": ("nfs-server", "nfs-kernel-server", "nfs-ganesha"),
    "smb": ("smbd", "nmbd", "samba", "ksmbd"),
    "rsync": ("rsync.service", "rsync.socket"),
}

_RULES = (
    # what inetd may serve is one step: without any of it, inetd itself goes
    ("telnet-listening", "plaintext", "Switch telnet off"),
    ("ftp-listening", "plaintext", "Switch the FTP server off"),
    ("rsh-listening", "plaintext", "Switch rsh, rlogin and rexec off"),
    ("tftp-listening", "plaintext", "Switch the TFTP server off"),
    ("small-services-listening", "plaintext", "Switch inetd's test services off"),
    ("remote-desktop-listening", "remote-desktop", "Switch the remote desktop off"),
    ("remote-console-listening", "remote-console", "Switch the console in the browser off"),
    ("avahi-listening", "avahi", "Switch Avahi off"),
    ("upnp-listening", "upnp", "Switch UPnP off"),
    ("rpcbind-listening", "rpcbind", "Switch the port mapper off"),
    ("cups-listening", "cups", "Switch the print server off"),
    ("cups-browsed-listening", "cups-browsed", "Switch cups-browsed off"),
    ("nfs-listening", "nfs", "Switch the NFS server off"),
    ("smb-listening", "smb", "Switch Samba off"),
    ("rsync-listening", "rsync", "Switch the rsync server off"),
)
_SERVED = {
    # what is removed -> what it offers
    "inetutils-telnetd": "telnet",
    "telnetd": "telnet",
    "telnetd-ssl": "telnet",
    "rsh-redone-server": "rsh",
    "rsh-server": "rsh",
    "atftpd": "tftp",
    "tftpd": "tftp",
    "tftpd-hpa": "tftp",
    "avahi-daemon": "avahi-daemon",
    "cups": "cups",
    "cups-browsed": "cups-browsed",
    "cups-core-drivers": "cups",
    "cups-daemon": "cups",
    "rpcbind": "rpcbind",
}
_INETD = ("/etc/inetd.conf", "/etc/inetd.d/", "/etc/xinetd.d/")


def switched_off(situation: Situation, finding: Finding) -> Iterator[Want]:
    """The units that offer it, and its lines of inetd's configuration."""
    yield from off(situation, OFFERS.get(finding.subject, ()))
    yield from _from_inetd(situation, finding)


def _from_inetd(situation: Situation, finding: Finding) -> Iterator[Want]:
    """Without all its services, inetd need not run; else the lines go, where the file is known to the byte."""
    services = services_of(situation)
    mine, unit = _entries(services, (finding,)), services.inetd_unit
    if not mine or unit is None:
        return
    if _entries(services, situation.findings) >= set(services.inetd):
        yield from off(situation, (unit.name,))
        return
    edits = [edit_ for entry in sorted(mine, key=lambda each: each.line) for edit_ in _without(situation, entry)]
    if len(edits) == len(mine):
        yield from edits
        yield Activate(unit.name, "restart")


def _entries(services: Services, findings: Iterable[Finding]) -> set[InetdEntry]:
    """The services of inetd that those findings name."""
    rules = {rule for rule, _, _ in _RULES}
    named = {
        (each.source, each.line)
        for finding in findings
        if finding.rule in rules
        for each in seen_lines(finding)
        if each.source.startswith(_INETD)
    }
    return {entry for entry in services.inetd if (entry.path, entry.line) in named}


def _without(situation: Situation, entry: InetdEntry) -> Iterator[EditLine]:
    if not entry.path.startswith("/etc/xinetd.d/"):
        # as update-inetd(8) marks what it has switched off
        yield from edit(situation, entry.path, entry.line, lambda line: f"#<off># {line}")
        return
    lines = exact_lines(situation, entry.path)
    for number, line in enumerate(lines[entry.line - 1 :], entry.line):
        words = line.split()
        if words[:1] == ["disable"]:
            yield EditLine(entry.path, number, line, "\tdisable\t\t= yes")
            return
        if words[-1:] == ["{"] and not any("disable" in each.split()[:1] for each in _block(lines, number)):
            yield EditLine(entry.path, number, line, f"{line}\n\tdisable\t\t= yes")
            return


def _block(lines: tuple[str, ...], start: int) -> Iterator[str]:
    for line in lines[start:]:
        if line.strip() == "}":
            return
        yield line


def _offer(rule: str, step: str, title: str) -> Fix:
    return fix(rule, step=f"service-{step}", purpose=Purpose.SERVICES, title=title)(switched_off)


@fix("llmnr-listening", step="service-llmnr", purpose=Purpose.SERVICES, title="Switch LLMNR off")
def llmnr(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """The resolver's own switch: it goes on resolving names."""
    if services_of(situation).unit("systemd-resolved.service") is not None:
        yield OwnLine("/etc/systemd/resolved.conf.d/99-thornwall.conf", "LLMNR", "LLMNR=no", section="Resolve")
        yield Activate("systemd-resolved.service", "restart")


_EXIM = "/etc/exim4/update-exim4.conf.conf"


@fix(
    "mail-server-listening",
    step="service-mail",
    purpose=Purpose.SERVERS,
    title="Take mail from the device itself alone",
)
def mail(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """By the mail server's own tool; what the device sends goes out as before."""
    services = services_of(situation)
    if services.starting("exim4") and _EXIM in situation.capture.files:
        change = "s/^dc_local_interfaces=.*/dc_local_interfaces='127.0.0.1 ; ::1'/"
        run = (("sed", "-i", change, _EXIM), ("update-exim4.conf",))
        yield Tool("exim4", run, (_EXIM, "/var/lib/exim4"))
        yield Activate("exim4.service", "restart")
    elif services.starting("postfix"):
        yield Tool("postfix", (("postconf", "-e", "inet_interfaces = loopback-only"),), ("/etc/postfix/main.cf",))
        yield Activate("postfix.service", "restart")


@fix(
    "needless-service",
    step="service-needless",
    purpose=Purpose.SERVICES,
    title="Switch off services that nobody uses here",
)
def needless(situation: Situation, finding: Finding) -> Iterator[Want]:
    """Whether somebody uses it, only the owner knows."""
    units = tuple(off(situation, (finding.subject,)))
    if units:
        yield Hold(
            "needless-service",
            f"No program can see whether you use {finding.subject}.",
            "If you do not use it, say so; 'systemctl list-dependencies --reverse' tells what does.",
            subject=finding.subject,
            accept=True,
        )
        yield from units


@fix(
    "unit-runs-writable-file",
    step="service-programs",
    purpose=Purpose.PERMISSIONS,
    title="Let nobody but root change what services run as root",
    may_break=("Whoever edited the program in place needs sudo for that from now on.",),
)
def programs(situation: Situation, finding: Finding) -> Iterator[Want]:
    """Each file that the unit runs and its folder; a home is its owner's, so what lies there is left to a person."""
    unit = services_of(situation).units.get(finding.subject)
    schedule = situation.facts.schedule
    if unit is None or not isinstance(schedule, Known) or not isinstance(schedule.value.programs, Known):
        return
    wishes = tuple(_closed(unit, schedule.value.programs.value))
    if not any(wish.path.startswith(("/home/", "/root")) for wish in wishes):
        yield from wishes


def _closed(unit: Unit, known: Mapping[str, Entry]) -> Iterator[SetMode]:
    words = (word.strip("\"'") for each in unit.commands for word in each.value.lstrip("@-:+!").split())
    for path in dict.fromkeys(word for word in words if word.startswith("/") and not word.startswith("//")):
        for step in (path, path.rpartition("/")[0]):
            entry = known.get(step)
            if entry is None or entry.path.startswith(("/dev/", "/proc/", "/tmp")):  # noqa: S108 - never programs
                continue
            others = entry.world_writable and not entry.sticky
            if entry.uid >= 1000:
                yield SetMode(step, clear=0o022, user="root", group="root")
            elif others:
                yield SetMode(step, clear=0o002)


def units_of(packages: Iterable[str]) -> tuple[str, ...]:
    """The units of what those packages serve."""
    return tuple(name for package in packages for name in OFFERS.get(_SERVED.get(package, ""), ()))


def in_inetd(situation: Situation, packages: Iterable[str]) -> bool:
    """Whether inetd may serve one of them."""
    wanted = {_SERVED.get(package) for package in packages}
    return bool(services_of(situation).inetd) and bool(wanted & {"telnet", "rsh", "tftp"})


@fix(
    "needless-service-installed",
    step="service-packages",
    purpose=Purpose.REMOVALS,
    title="Remove packages whose service nobody needs",
)
def removed(situation: Situation, finding: Finding) -> Iterator[Want]:
    """Where the service is on, only if this plan switches it off: else somebody may use it."""
    named = (each.source.removeprefix("dpkg -l ") for each in finding.evidence)
    names = tuple(name for name in named if name in _SERVED)
    if not names:
        return
    faulted = {each.subject for each in situation.findings if each.rule in FIXES_BY_RULE}
    by_inetd = any(each.source.startswith(_INETD) for each in finding.evidence)
    for offer in dict.fromkeys(_SERVED[name] for name in names):
        if (by_inetd or services_of(situation).starting(*OFFERS[offer])) and offer not in faulted:
            yield Hold(
                "service-stays-on",
                f"{offer} starts at boot, and nothing else in this plan switches it off.",
                "If nobody uses it, say so.",
                subject=finding.subject,
                accept=True,
            )
    yield Packages(remove=names)


def stopping(situation: Situation, held: Callable[[UnitsOff], bool]) -> Iterator[tuple[Finding, tuple[str, ...]]]:
    """The findings that this plan mends by switching something off, and the units that it switches off for each."""
    for finding in situation.findings:
        made = FIXES_BY_RULE.get(finding.rule)
        wants = tuple(made(situation, finding)) if made else ()
        units = [want for want in wants if isinstance(want, UnitsOff)]
        asked = any(
            isinstance(want, Hold) and not situation.answers.accepted(want.interlock, want.subject) for want in wants
        )
        if wants and not asked and not any(held(wish) for wish in units):
            yield finding, tuple(name for wish in units for name in wish.units)


FIXES: tuple[Fix, ...] = (
    *(_offer(rule, step, title) for rule, step, title in _RULES),
    llmnr,
    mail,
    needless,
    programs,
    removed,
)
_WITH_OTHERS = {"mail-server-listening", "unit-runs-writable-file", "needless-service-installed"}
FIXES_BY_RULE: Mapping[str, Make] = {each.rule: each.make for each in FIXES if each.rule not in _WITH_OTHERS}
"""Those that switch off what a finding is about."""
