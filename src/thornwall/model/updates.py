"""Updates: what is installed, what the archives offer, who fetches it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import NamedTuple

from thornwall.model.fact import ABSENT, Fact, Unknown
from thornwall.model.record import record


class Package(NamedTuple):
    """An installed package. `source` is the source package's name; `held`: the administrator keeps its version."""

    name: str
    version: str
    architecture: str
    source: str
    held: bool


@record
class Suite:
    """One release of an archive as apt has it: the fields of its Release file, empty where it does not say.

    `file`: the list's path. `priority`: as apt_preferences(5) has it: 500, 100 for back-ports, 1 for what is never
    taken by itself, or what a pin gives it. `site`: the archive's host name, by the name of the list.
    """

    file: str
    origin: str = ""
    label: str = ""
    suite: str = ""
    codename: str = ""
    site: str = ""
    date: int = -1  # seconds since 1970, when the archive made it
    priority: int = 500

    @property
    def security(self) -> bool:
        """Whether it is made for security updates alone."""
        return (
            self.label == "Debian-Security" or self.suite.endswith("-security") or self.codename.endswith("-security")
        )

    @property
    def name(self) -> str:
        """For people: `Debian trixie-security`."""
        return f"{self.origin or self.site} {self.codename or self.suite}".strip()


@record
class Candidate:
    """A version that an archive offers of an installed package, other than the installed one."""

    package: Package
    version: str
    suite: Suite


@record
class PackageLists:
    """What the lists that apt fetched say.

    `refreshed`: when apt last looked, seconds since 1970 (-1 not known). `candidates`: other versions than the
    installed ones, newer and older. `pending`: each package that apt would upgrade, with the newest version of a
    security suite, or else of any. `doubtful`: what a security suite offers of packages that Raspberry Pi has built
    itself (`+rpt`) from something older: apt keeps its build, and whether that has the fix no version tells.
    `unread`: lists in a form that could not be read, and so may hide updates. `orphans`: installed packages that no
    list offers.
    """

    suites: tuple[Suite, ...] = ()
    refreshed: int = -1
    candidates: tuple[Candidate, ...] = ()
    pending: tuple[Candidate, ...] = ()
    doubtful: tuple[Candidate, ...] = ()
    unread: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()


@record
class AptValue:
    """A value of apt.conf(5), and where it stands."""

    name: str
    value: str
    file: str
    line: int


@record
class AptConfig:
    """apt's configuration: `single` by lower-case name, the last one; `lists` by lower-case name, in order."""

    single: Mapping[str, AptValue] = field(default_factory=dict)
    lists: Mapping[str, tuple[AptValue, ...]] = field(default_factory=dict)

    def get(self, name: str) -> AptValue | None:
        """The value of an option such as `APT::Periodic::Enable`."""
        return self.single.get(name.lower())

    def all(self, name: str) -> tuple[AptValue, ...]:
        """The values of a list such as `Unattended-Upgrade::Origins-Pattern`."""
        return self.lists.get(name.lower(), ())


@record
class AptSource:
    """One source of packages that is switched on (not deb-src): a line of *.list, or a stanza of *.sources.

    `options`: lower-case name to value, `trusted` and the like in the spelling of the one-line format.
    """

    uri: str
    suite: str
    components: tuple[str, ...]
    file: str
    line: int
    text: str
    options: Mapping[str, str] = field(default_factory=dict)

    def yes(self, option: str) -> bool:
        """Whether an option is switched on."""
        return self.options.get(option, "").lower() in {"yes", "true", "1", "on", "with", "enable"}

    @property
    def local(self) -> bool:
        """Whether it is a folder or a disk of the host itself."""
        return self.uri.startswith(("file:", "cdrom:", "copy:"))


@record
class Mark:
    """A line that was looked for in some file, or the file itself (`line` None)."""

    file: str
    text: str = ""
    line: int | None = None


NOT_READ = Unknown("it was not read")


@record
class Updates:
    """How the host is kept up to date. `packages`: installed ones by name (Absent where there is no dpkg).

    `apt`, `lists`: Absent where there is no apt. `sources_gap`: a file of sources that could not be read.
    `dnf_automatic`: the settings of automatic.conf. `reboot`: what says that a restart is due. `kernel_build`: the
    package version of the running kernel as it says itself. `rpi_update`: the trace of rpi-update. `eeprom_frozen`:
    the line that stops bootloader updates. `debsums`: the line of /etc/default/debsums that says how often it looks.
    `aide_database`: that it is there.
    """

    packages: Fact[Mapping[str, Package]] = NOT_READ
    lists: Fact[PackageLists] = NOT_READ
    apt: Fact[AptConfig] = NOT_READ
    sources: tuple[AptSource, ...] = ()
    sources_gap: Unknown | None = None
    dnf_automatic: Fact[Mapping[str, Mark]] = ABSENT
    reboot: Fact[Mark] = ABSENT
    kernel_build: str = ""
    rpi_update: Fact[Mark] = ABSENT
    eeprom_frozen: Fact[Mark] = ABSENT
    debsums: Fact[Mark] = ABSENT
    aide_database: Fact[Mark] = ABSENT

    def pending(self, *, security: bool) -> Iterator[Candidate]:
        """What apt would upgrade: with `security` only what a security suite offers; held packages apart."""
        lists = getattr(self.lists, "value", None)
        if isinstance(lists, PackageLists):
            yield from (each for each in lists.pending if each.suite.security or not security)
