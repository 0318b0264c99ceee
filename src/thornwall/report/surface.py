"""The attack surface alone: on the terminal, as JSON, as a page, as Markdown; and its words for all formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from thornwall.model.finding import HostName, Reach, Report
from thornwall.model.surface import Connection, Listener, Person, Surface
from thornwall.report.text import count, line
from thornwall.report.words import REACHES, heading, machine

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = "thornwall.surface/1"

_NEAREST_FIRST = (  # from where most people come first
    Reach.INTERNET,
    Reach.NETWORK,
    Reach.FIREWALLED,
    Reach.LOOPBACK,
    Reach.LOCAL,
    Reach.TOUCH,
)


def sockets(listeners: Iterable[Listener]) -> list[tuple[Listener, str]]:
    """Each listener with its addresses; those that differ in nothing else (IPv4 and IPv6) are one.

    Those that most people can talk to come first, then by port.
    """
    alike: dict[Listener, list[str]] = {}
    for found in listeners:
        alike.setdefault(replace(found, address=""), []).append(line(found.address, 100))
    ranked = sorted(
        alike.items(), key=lambda item: (_NEAREST_FIRST.index(item[0].reach), item[0].port, item[0].protocol)
    )
    return [(found, ", ".join(dict.fromkeys(addresses))) for found, addresses in ranked]


def tally(listeners: Sequence[Listener]) -> str:
    """How many are listed, and how many sockets these are where that differs."""
    listed, every = len(sockets(listeners)), count(len(listeners), "socket")
    return every if listed == len(listeners) else f"{count(listed, 'listener')} on {every}"


def port(listener: Listener) -> str:
    """`22/tcp`."""
    return f"{listener.port}/{line(listener.protocol, 10)}"


def owner(listener: Listener) -> str:
    """`sshd (pid 611), user root, ssh.service, package openssh-server`, as far as the host told."""
    pid = f" (pid {listener.pid})" if listener.pid >= 0 else ""
    parts = (
        f"{line(listener.program, 80)}{pid}" if listener.program else "",
        f"user {line(listener.user, 40)}" if listener.user else "",
        line(listener.unit, 80),
        f"package {line(listener.package, 80)}" if listener.package else "",
    )
    return ", ".join(filter(None, parts)) or "a program that is not known"


def speaks(listener: Listener) -> str:
    """The usual protocol of the port, and whether it is in the clear."""
    words = line(listener.speaks, 40) or "protocol not known"
    return f"{words}, in the clear" if listener.plaintext else words


def way_through(listener: Listener) -> tuple[str, ...]:
    """From whom, through which layers: the last is the program itself."""
    layers = tuple(line(layer, 120) for layer in listener.layers)
    goal = line(listener.program, 80) or line(listener.unit, 80) or "the program"
    return (REACHES[listener.reach], *(layers or ("nothing in between",)), goal)


def person(found: Person) -> str:
    """What an account may do, and how it is entered."""
    keys = f"{count(len(found.keys), 'key')}: {', '.join(line(key, 80) for key in found.keys)}" if found.keys else ""
    parts = (
        f"uid {found.uid}",
        f"password: {line(found.password, 80) or 'not known'}",
        f"sudo: {line(found.sudo, 120) or 'none'}",
        keys,
        line(found.shell, 80),
    )
    return "; ".join(filter(None, parts))


def connection(found: Connection) -> tuple[str, str]:
    """(who with whom, which program)."""
    arrow = "from" if found.inbound else "to"
    by = f" of {line(found.user, 40)}" if found.user else ""
    program = line(found.program, 80) or "a program that is not known"
    return (
        f"{arrow} {line(found.peer, 100)}",
        f"{program}{by}, {line(found.protocol, 10)}, here {line(found.local, 100)}",
    )


def lists(surface: Surface) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """All but the listeners, as (heading, [(name, words)]); those with nothing in them are left out."""
    sections = (
        ("Ways to log in", [(way.method, _with(", ".join(way.who) or "nobody", way.guard)) for way in surface.ways_in]),
        ("People", [(found.account, person(found)) for found in surface.people]),
        ("Radios", [(way.name, _with(way.state, way.detail)) for way in surface.radios]),
        ("Physical", [(way.name, _with(way.state, way.detail)) for way in surface.physical]),
        ("Connections now", [connection(found) for found in surface.connections]),
        ("Not known", [("", gap) for gap in surface.gaps]),
    )
    for title, entries in sections:
        if entries:
            yield title, [(line(name, 100), line(words)) for name, words in entries]


def _with(words: str, more: str) -> str:
    return f"{words}: {more}" if more else words


def render_surface(surface: Surface, host: HostName, target: str, fmt: str) -> str:
    """As text in one of `FORMATS`. Raises KeyError for another."""
    return FORMATS[fmt](surface, host, target)


def show_surface(surface: Surface, host: HostName, target: str, console: Console) -> None:
    """Print it."""
    from rich.text import Text  # noqa: PLC0415 - the other formats need no terminal

    from thornwall.report.terminal import Page  # noqa: PLC0415

    report = of_surface(surface, host, target)
    with Page(console) as page:
        page.blank()
        page.say(Text().append(heading(report), style="bold").append("  attack surface"))
        if machine(report):
            page.say(Text(machine(report), style="dim"))
        page.title("Listening", tally(surface.listeners))
        for found, addresses in sockets(surface.listeners):
            page.blank()
            page.say(Text().append(port(found), style="bold").append(f"  {speaks(found)}  on {addresses}"), 2)
            page.say((" > " if page.ascii else " → ").join(way_through(found)), 4)
            page.say(Text(owner(found), style="dim"), 4)
        if not surface.listeners:
            page.say("nothing", 2)
        for title, entries in lists(surface):
            page.title(title, str(len(entries)))
            width = min(max(len(name) for name, _ in entries), 30)
            for name, words in entries:
                page.labelled(name, words, 2, width)
        page.blank()


def of_surface(surface: Surface, host: HostName, target: str) -> Report:
    """A report that holds nothing but a surface: what the other formats know to name."""
    return Report(target, host, 0, (), surface=surface)


def _as_terminal(surface: Surface, host: HostName, target: str) -> str:
    from thornwall.report.terminal import captured  # noqa: PLC0415

    return captured(lambda console: show_surface(surface, host, target, console))


def _as_json(surface: Surface, host: HostName, target: str) -> str:
    from thornwall.report.json_text import dump, plain, surface_json, told  # noqa: PLC0415

    return dump({"schema": SCHEMA, "target": told(target), "host": plain(host), **surface_json(surface)})


def _as_html(surface: Surface, host: HostName, target: str) -> str:
    from thornwall.report.page import render_surface_page  # noqa: PLC0415

    return render_surface_page(of_surface(surface, host, target))


def _as_markdown(surface: Surface, host: HostName, target: str) -> str:
    from thornwall.report.markdown import render_surface_markdown  # noqa: PLC0415

    return render_surface_markdown(of_surface(surface, host, target))


FORMATS: Mapping[str, Callable[[Surface, HostName, str], str]] = MappingProxyType(
    {"terminal": _as_terminal, "json": _as_json, "html": _as_html, "markdown": _as_markdown},
)
