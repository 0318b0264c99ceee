"""lynis and oscap, installed in a copy of the host, and run as their users run them."""

from __future__ import annotations

import resource
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.ours import BenchError, User, say
from bench.record import Run
from tests.lab import Host
from tests.lab.mirror import read_mirror
from tests.lab.settings import lab_dir
from tests.lab.tools import run

# The only suite whose ssg-debian knows the CIS profiles of Debian 12 and 13.
_SSG_SUITE = "sid"
LYNIS = "lynis audit system --cronjob --quick --no-colors"
SSG = "/usr/share/xml/scap/ssg/content/ssg-debian{number}-ds.xml"
CIS = "xccdf_org.ssgproject.content_profile_cis_level1_server"
NUMBERS = {"bookworm": 12, "trixie": 13}
PUT = "dpkg --install /var/tmp/peers/*.deb && rm -r /var/tmp/peers"
_SECONDS = 900


@dataclass(slots=True)
class Peer:
    """A program that does a like thing. `seconds`: one entry a run; `cpu`: its CPU seconds."""

    name: str
    version: str
    command: str
    statuses: frozenset[int]
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"

    def audit(self, host: Host) -> None:
        """Run it once in `host`. BenchError when it fails, or has nothing to say."""
        say(self.title)
        before = _children_cpu()
        began = time.perf_counter()
        result = host.run(self.command, timeout=_SECONDS)
        self.seconds.append(time.perf_counter() - began)
        self.cpu.append(_children_cpu() - before)
        if result.returncode not in self.statuses:
            raise BenchError(f"{self.name} ended with {result.returncode}: {result.stderr[-500:].strip()}")
        if len(result.stdout) < 10_000 or result.stdout.count("notapplicable") > result.stdout.count("\tpass"):
            raise BenchError(f"{self.name} looked at next to nothing: {result.stdout[-500:].strip()}")


def _children_cpu() -> float:
    """CPU time of what this process has waited for; the host's control group does not have what it runs in there."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_seconds(host: Host) -> float:
    """CPU time, user and system, that everything in the host has taken since it booted."""
    return int((host.cgroup / "cpu.stat").read_text().split()[1]) / 1e6


def install(host: Host) -> tuple[Peer, Peer]:
    """lynis and oscap in `host`, at the versions that its release has, and the CIS rules. LabError, BenchError."""
    inbox = host.root / "var/tmp/peers"
    inbox.mkdir()
    for deb in fetched(host.release, host.root):
        shutil.copy(deb, inbox)
    host.run(PUT, timeout=_SECONDS, check=True)
    version = {
        name: host.run(["dpkg-query", "-W", "-f", "${Version}", name], check=True).stdout
        for name in ("lynis", "openscap-scanner", "ssg-debian")
    }
    rules = SSG.format(number=NUMBERS[host.release])
    if not host.root.joinpath(rules.lstrip("/")).exists():
        raise BenchError(f"ssg-debian {version['ssg-debian']} has no {rules}")
    lynis = Peer("lynis", version["lynis"], LYNIS, frozenset({0}))
    oscap = Peer(
        "oscap",
        f"{version['openscap-scanner']} with ssg-debian {version['ssg-debian']}",
        f"oscap xccdf eval --profile {CIS} {rules}",
        frozenset({0, 2}),  # 2: some rule failed
    )
    return lynis, oscap


def fetched(release: str, root: Path) -> list[Path]:
    """The packages, from this machine's own mirror, through an apt tree of their own, for what a root has already."""
    say("fetching lynis, oscap and the CIS profiles")
    mirror = read_mirror()
    tree = lab_dir() / "peers" / release
    for folder in ("lists/partial", "archives/partial"):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    for stale in (tree / "archives").glob("*.deb"):
        stale.unlink()
    signed = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    sources = (f"deb {signed} {mirror.main} {suite} main\n" for suite in (release, _SSG_SUITE))
    (tree / "sources.list").write_text("".join(sources))
    settings = [
        *mirror.options,
        f'Dir::State::status "{root}/var/lib/dpkg/status";',
        f'Dir::State::lists "{tree}/lists";',
        f'Dir::Cache "{tree}";',
        f'Dir::Cache::archives "{tree}/archives";',
        f'Dir::Etc::sourcelist "{tree}/sources.list";',
        'Dir::Etc::sourceparts "/dev/null";',
        'Dir::Etc::preferencesparts "/dev/null";',
        f'APT::Default-Release "{release}";',
        'APT::Sandbox::User "root";',
        'Acquire::Languages "none";',
    ]
    (tree / "apt.conf").write_text("".join(f"{line}\n" for line in settings))
    apt: list[str | Path] = ["apt-get", "--config-file", tree / "apt.conf", "-q", "-y"]
    run([*apt, "update"])
    # without linux-base most of the CIS rules find themselves 'not applicable': they take the host for a container
    wanted = ["lynis", "openscap-scanner", "linux-base", f"ssg-base/{_SSG_SUITE}", f"ssg-debian/{_SSG_SUITE}"]
    run([*apt, "--no-install-recommends", "--download-only", "install", *wanted])
    return sorted((tree / "archives").glob("*.deb"))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs by turns: ours on one host, the peers on its copy. `ours`: seconds; `cpu`: the host's meanwhile."""

    ours: list[float]
    cpu: list[float]
    peers: tuple[Peer, Peer]

    @property
    def runs(self) -> tuple[Run, ...]:
        """Ours first."""
        theirs = (Run(peer.title, median(peer.seconds), median(peer.cpu), len(peer.seconds)) for peer in self.peers)
        return (Run("thornwall audit", median(self.ours), median(self.cpu), len(self.ours)), *theirs)


def compare(user: User, copy: Host, *, times: int, rounds: int) -> Comparison:
    """`thornwall audit` of the user's host, `times` before, between and after the peers in the copy."""
    done = Comparison([], [], install(copy))

    def us() -> None:
        say(f"thornwall audit, {times} times")
        for _ in range(times):
            before = cpu_seconds(user.host)
            done.ours.append(user.audit())
            done.cpu.append(cpu_seconds(user.host) - before)

    user.audit()  # fills the caches of both sides, as installing did for the peers
    for _ in range(rounds):
        for peer in done.peers:
            us()
            peer.audit(copy)
    us()
    return done
