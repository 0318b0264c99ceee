"""A host of a few facts, for tests of single fixes and interlocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from thornwall.model.boot import Boot
from thornwall.model.capture import Capture, FileRecord, Manifest, Source
from thornwall.model.change import sha256
from thornwall.model.fact import Known
from thornwall.model.filesystem import FileSystem
from thornwall.model.finding import Finding, Status
from thornwall.model.firewall import Firewall, Ruleset
from thornwall.model.host import Host as Identity
from thornwall.model.kernel import Kernel
from thornwall.model.network import Network, Socket
from thornwall.model.originals import Originals
from thornwall.model.plan import Answers, WayIn
from thornwall.model.policy import Policy
from thornwall.model.profile import Profile
from thornwall.model.radios import Radios
from thornwall.model.rule import Preset
from thornwall.model.schedule import Schedule
from thornwall.model.servers import Servers
from thornwall.model.services import InetdEntry, Services, Setting, Unit
from thornwall.model.snapshot import Snapshot
from thornwall.model.updates import Package, Updates
from thornwall.model.usb import Usb
from thornwall.plan.fix import Hold, Situation, Want
from thornwall.plan.registry import FIXES
from thornwall.rules.judge import judge
from thornwall.rules.registry import RULES

SSH = WayIn("ssh", "pi", 1000, "192.168.1.5", "192.168.1.5", 22, "192.168.1.9", "eth0", ("publickey",), key_proved=True)
SSHD = Socket("tcp", "*", 22, program="sshd", pid=9, unit="ssh.service", line="tcp LISTEN 0 128 *:22 sshd")


@dataclass
class Host:
    """`files`: what is there, known to the byte; `seen`: what was read with something left out; `units`: by name."""

    files: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    units: tuple[Unit, ...] = ()
    inetd: tuple[InetdEntry, ...] = ()
    network: Network = field(default_factory=lambda: Network((SSHD,), processes=True))
    firewall: Firewall = field(default_factory=lambda: Firewall(Known(Ruleset())))
    radios: Radios = field(default_factory=lambda: Radios(Known(())))
    boot: Boot = field(default_factory=Boot)
    kernel: Kernel = field(default_factory=Kernel)
    usb: Usb = field(default_factory=lambda: Usb(Known({}), Known(())))
    servers: Servers = field(default_factory=Servers)
    filesystem: FileSystem = field(default_factory=FileSystem)
    schedule: Schedule = field(default_factory=Schedule)
    os_id: str = "debian"
    model: str = ""
    way_in: WayIn = SSH
    preset: Preset = Preset.RECOMMENDED
    accepts: Iterable[str] = ()
    source: Source = "ssh"
    packages: tuple[str, ...] = ()
    ssh_connection: tuple[str, ...] = ()

    def situation(self, *findings: Finding) -> Situation:
        """What fixes and interlocks see of it."""
        records = {
            path: FileRecord(path, content=text.encode(), mode=0o644)
            for path, text in {**self.files, **self.seen}.items()
        }
        records |= {path: FileRecord(path, "link", target=target) for path, target in self.links.items()}
        hashes = {path: sha256(text.encode()) for path, text in self.files.items()}
        hashes |= dict.fromkeys(self.seen, "0" * 64) | {path: f"link:{to}" for path, to in self.links.items()}
        return Situation(
            facts=Snapshot(
                host=Known(Identity(os_id=self.os_id, model=self.model)),
                network=Known(self.network),
                firewall=Known(self.firewall),
                services=Known(Services({unit.name: unit for unit in self.units}, {}, self.inetd, "", True, True)),
                servers=Known(self.servers),
                boot=Known(self.boot),
                radios=Known(self.radios),
                kernel=Known(self.kernel),
                usb=Known(self.usb),
                filesystem=Known(self.filesystem),
                schedule=Known(self.schedule),
                updates=Known(
                    Updates(Known({name: Package(name, "1", "arm64", name, False) for name in self.packages}))
                ),
            ),
            capture=Capture(Manifest("host", self.source, 0, reads=tuple(records)), records),
            originals=Originals(
                hashes, asked=tuple("/*" * depth for depth in range(1, 8)), ssh_connection=self.ssh_connection
            ),
            way_in=self.way_in,
            answers=Answers(accepts=frozenset(self.accepts)),
            preset=self.preset,
            findings=findings,
        )


def unit(name: str, active: str = "active", **more: tuple[Setting, ...]) -> Unit:
    """A unit of a package that starts at boot."""
    link = f"/etc/systemd/system/multi-user.target.wants/{name}"
    return Unit(name, f"/usr/lib/systemd/system/{name}", "enabled", (link,), active, **more)


def listening(protocol: str, port: int, program: str, of: str = "", address: str = "0.0.0.0") -> Socket:  # noqa: S104
    """A socket on every address."""
    line = f"{protocol} {address}:{port} {program}"
    return Socket(protocol, address, port, program=program, pid=5, unit=of, line=line)


def judged(host: Host) -> Situation:
    """The host, with what the rules find wrong with it in its preset."""
    bare = host.situation()
    found = judge(bare.facts, RULES, policy=Policy(host.preset), profile=Profile())
    return replace(bare, findings=tuple(each for each in found if each.status is Status.FAIL))


def wants(host: Host, rule: str) -> list[Want]:
    """What the fix wants for all that its rule finds wrong; fails where the rule finds nothing wrong at all."""
    situation = judged(host)
    found = [each for each in situation.findings if each.rule == rule]
    assert found, f"{rule} finds nothing wrong here"
    wanted = [want for finding in found for want in FIXES[rule].make(situation, finding)]
    said = {finding.detail for finding in found}
    assert not any(isinstance(want, Hold) and want.why in said for want in wanted), "what is wrong is not why it waits"
    return wanted
