"""The attack surface on the page: who reaches which socket through what, and every other way in."""

from __future__ import annotations

from thornwall.model.finding import Reach
from thornwall.model.surface import Listener, Person, PhysicalWay, Surface, WayIn
from thornwall.report.page.elements import Child, Html, tag
from thornwall.report.surface import connection, owner, sockets, speaks, tally, way_through
from thornwall.report.text import count

_HEAT = {Reach.INTERNET: "extreme", Reach.NETWORK: "high", Reach.FIREWALLED: "low", Reach.LOOPBACK: "low"}


def surface_section(surface: Surface) -> Html:
    """The whole section."""
    return tag(
        "section",
        tag("h2", "Attack surface"),
        tag(
            "p", "All the ways in which this device is exposed to attack: not faults, but where to look.", class_="lead"
        ),
        _listeners(surface.listeners),
        tag(
            "div",
            _block("Ways to log in", [_way_in(way) for way in surface.ways_in]),
            _block("People", [_person(person) for person in surface.people]),
            _block("Radios", [_physical(way) for way in surface.radios]),
            _block("Ports, consoles, cards", [_physical(way) for way in surface.physical]),
            class_="pairs",
        ),
        _connections(surface),
        [tag("p", gap, class_="gap") for gap in surface.gaps],
        id="surface",
    )


def _listeners(listeners: tuple[Listener, ...]) -> Html:
    if not listeners:
        return tag("p", "Nothing listens.", class_="empty")
    return tag(
        "div",
        tag("h3", "Listening", tag("span", tally(listeners), class_="aside")),
        tag("ul", [_listener(found, addresses) for found, addresses in sockets(listeners)], class_="listeners"),
    )


def _listener(found: Listener, addresses: str) -> Html:
    source, *layers, program = way_through(found)
    chain: list[Child] = [tag("span", source, class_=f"node source {_HEAT.get(found.reach, 'low')}")]
    nothing = {"no firewall"} if found.layers else set(layers)  # as rules/exposure.py has it
    chain += [tag("span", layer, class_="node bare" if layer in nothing else "node layer") for layer in layers]
    chain.append(tag("span", program, class_="node goal"))
    return tag(
        "li",
        tag(
            "div",
            tag("span", f"{found.port}", tag("small", f"/{found.protocol}"), class_="port"),
            tag("span", addresses, class_="address"),
            class_="socket",
        ),
        tag(
            "div",
            tag("div", chain, class_="chain"),
            tag(
                "p",
                tag("span", speaks(found), class_="clear" if found.plaintext else None),
                " · ",
                owner(found),
                class_="owner",
            ),
        ),
    )


def _block(title: str, entries: list[Html]) -> Html | None:
    if not entries:
        return None
    return tag("div", tag("h3", title), tag("dl", entries, class_="entries"), class_="block")


def _entry(name: str, words: Child) -> Html:
    return tag("div", tag("dt", name), tag("dd", words))


def _way_in(way: WayIn) -> Html:
    guard: Child = [" · ", way.guard] if way.guard else None
    return _entry(way.method, [tag("strong", ", ".join(way.who) or "nobody"), guard])


def _person(person: Person) -> Html:
    parts: list[Child] = [f"password: {person.password or 'not known'}"]
    if person.sudo:
        parts.append(f"sudo: {person.sudo}")
    if person.keys:
        parts.append(f"{count(len(person.keys), 'key')}: {', '.join(person.keys)}")
    if person.shell:
        parts.append(person.shell)
    separated = [child for part in parts for child in (" · ", part)][1:]
    return _entry(f"{person.account} ({person.uid})", separated)


def _physical(way: PhysicalWay) -> Html:
    state = way.state if way.state in {"open", "closed", "unknown"} else "unknown"
    return _entry(way.name, [tag("span", way.state, class_=f"state {state}"), " ", way.detail])


def _connections(surface: Surface) -> Html | None:
    if not surface.connections:
        return None
    rows = [connection(found) for found in surface.connections]
    return tag(
        "details",
        tag("summary", f"{count(len(rows), 'connection')} open when it was read"),
        tag("dl", [_entry(peer, words) for peer, words in rows], class_="entries wide"),
        class_="fold",
    )
