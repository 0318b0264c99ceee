"""Configuration of the servers that listen: web, databases, brokers, shares, cameras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from thornwall.model.fact import ABSENT, Fact
from thornwall.model.record import record


@record
class Directive:
    """One setting of a configuration file. `name` is in lower case; `section`: the block it stands in, or empty."""

    name: str
    value: str
    path: str
    line: int
    section: str = ""


@record
class Config:
    """The settings of one server, in the order in which it reads them. `path`: its main file."""

    path: str
    directives: tuple[Directive, ...] = ()

    def all(self, name: str, section: str | None = None) -> tuple[Directive, ...]:
        """Every setting of that name (in that section)."""
        return tuple(
            each for each in self.directives if each.name == name and (section is None or each.section == section)
        )

    def last(self, name: str, section: str | None = None) -> Directive | None:
        """The last setting of that name, which is what counts for most servers."""
        found = self.all(name, section)
        return found[-1] if found else None

    def value(self, name: str, default: str = "", section: str | None = None) -> str:
        """Its value, or the default of the server."""
        found = self.last(name, section)
        return found.value if found else default


@record
class Site:
    """One place where a web server answers.

    `address` is empty for every address. `tls`: it speaks https there. `redirects`: it only sends visitors on to https,
    or answers nothing but the questions of a certificate authority.
    """

    software: str
    address: str
    port: int
    tls: bool
    redirects: bool
    path: str
    line: int
    text: str = ""


@record
class Servers:
    """What configuration files say.

    `sites`: software -> where it answers; a server that is not installed is missing. `configs`: server -> its
    settings; Absent where it has no configuration.
    """

    sites: Mapping[str, Fact[tuple[Site, ...]]] = field(default_factory=dict)
    configs: Mapping[str, Fact[Config]] = field(default_factory=dict)
    cups_bound: Fact[bool] = ABSENT
    browsed_bound: Fact[bool] = ABSENT
    mail_bound: Fact[bool] = ABSENT

    def config(self, name: str) -> Fact[Config]:
        """The settings of that server."""
        return self.configs.get(name, ABSENT)
