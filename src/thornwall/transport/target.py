"""TARGET on the command line: this machine, a host, a root directory, or a saved capture.

A prefix (`local:`, `ssh:`, `dir:`, `capture:`) settles it. Without one, in this order: nothing is this machine; what
has a `/` in it, or is `.`, `..` or `~`, is a path; what has an `@` is a host; what ends like a capture is one; the
name of something that exists here is refused as ambiguous; everything else is a host.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from thornwall.errors import UsageError
from thornwall.model.typed import HERE
from thornwall.transport.text import printable

PathKind: TypeAlias = Literal["file", "directory", "other", "none"]

_CAPTURES = (".tar.gz", ".tgz")
_PREFIXES = ("local", "ssh", "dir", "capture")
_USER = re.compile(r"[^\s:/@\x00-\x1f\x7f-]([^\s:/\x00-\x1f\x7f]*[^\s:/@\x00-\x1f\x7f])?")
_HOST = re.compile(r"\w[\w.+-]{0,252}")


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """This machine."""

    def __str__(self) -> str:
        return HERE


@dataclass(frozen=True, slots=True)
class SshTarget:
    """A host, as ssh(1) would be told: `host` may be an alias of ~/.ssh/config; empty user, port 0: not said."""

    host: str
    user: str = ""
    port: int = 0

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host and self.port else self.host
        return (f"{self.user}@" if self.user else "") + host + (f":{self.port}" if self.port else "")


@dataclass(frozen=True, slots=True)
class DirectoryTarget:
    """A directory that holds a root file system."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class CaptureTarget:
    """A saved capture."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


Target: TypeAlias = LocalTarget | SshTarget | DirectoryTarget | CaptureTarget


def path_kind(path: Path) -> PathKind:
    """What is there, links followed."""
    try:
        if path.is_dir():
            return "directory"
        return "file" if path.is_file() else "other" if path.exists() else "none"
    except (OSError, ValueError):
        return "none"


def neighbours(path: Path) -> list[str]:
    """The names beside `path`, for a guess at what was meant."""
    try:
        return os.listdir(path.parent)[:1000]  # noqa: PTH208 - names are wanted, not paths
    except (OSError, ValueError):
        return []


def parse_target(
    text: str,
    *,
    kind: Callable[[Path], PathKind] = path_kind,
    beside: Callable[[Path], Iterable[str]] = neighbours,
) -> Target:
    """The target that `text` names; `kind` and `beside` look at the file system. Raises UsageError."""
    if not text:
        return LocalTarget()
    prefix, colon, rest = text.partition(":")
    if colon and prefix in _PREFIXES and not (prefix == "local" and rest):
        return _prefixed(prefix, rest, kind, beside)
    path = Path(text).expanduser() if text.startswith("~/") else Path(text)
    if "/" in text or text in {".", "..", "~"}:
        return _path(path, kind, beside)
    if "@" in text:
        return parse_host(text)
    if text.endswith(_CAPTURES):
        return _capture(path, kind, beside)
    if (here := kind(path)) != "none":
        prefix = "dir" if here == "directory" else "capture"
        raise UsageError(
            f"'{printable(text)}' may be a host, or the {here if here != 'other' else 'thing'} of that name here",
            hint=f"say which: ssh:{printable(text)} or {prefix}:{printable(text)}",
        )
    return parse_host(text)


def _prefixed(
    prefix: str, rest: str, kind: Callable[[Path], PathKind], beside: Callable[[Path], Iterable[str]]
) -> Target:
    if prefix == "local":
        return LocalTarget()
    if not rest:
        raise UsageError(f"'{prefix}:' names nothing", hint=f"for example {_EXAMPLES[prefix]}")
    if prefix == "ssh":
        return parse_host(rest.removeprefix("//").rstrip("/"))
    path = Path(rest).expanduser() if rest.startswith("~/") else Path(rest)
    return _directory(path, kind, beside) if prefix == "dir" else _capture(path, kind, beside)


_EXAMPLES = {"ssh": "ssh:pi@raspberrypi.local", "dir": "dir:/mnt/card", "capture": "capture:pi.tar.gz"}


def _path(path: Path, kind: Callable[[Path], PathKind], beside: Callable[[Path], Iterable[str]]) -> Target:
    return _directory(path, kind, beside) if kind(path) == "directory" else _capture(path, kind, beside)


def _directory(path: Path, kind: Callable[[Path], PathKind], beside: Callable[[Path], Iterable[str]]) -> Target:
    match kind(path):
        case "directory":
            return DirectoryTarget(path)
        case "none":
            raise _missing(path, beside)
        case _:
            raise UsageError(f"{printable(str(path))} is not a directory", hint="a capture is named with capture:")


def _capture(path: Path, kind: Callable[[Path], PathKind], beside: Callable[[Path], Iterable[str]]) -> Target:
    match kind(path):
        case "file":
            return CaptureTarget(path)
        case "none":
            raise _missing(path, beside)
        case "directory":
            raise UsageError(f"{printable(str(path))} is a directory, not a capture", hint="try dir: in front of it")
        case _:
            raise UsageError(f"{printable(str(path))} is not a regular file", hint="a capture is a .tar.gz file")


def capture_typed(path: Path) -> str:
    """The text that names a capture, whatever its file is called and whatever else is there."""
    text = str(path)
    return text if text.endswith(_CAPTURES) and "@" not in text else f"capture:{text}"


def _missing(path: Path, beside: Callable[[Path], Iterable[str]]) -> UsageError:
    near = difflib.get_close_matches(path.name, sorted(beside(path)), n=1, cutoff=0.6)
    hint = f"did you mean {printable(str(path.with_name(near[0])))}?" if near else "is the path right?"
    return UsageError(f"there is no {printable(str(path))}", hint=hint)


def parse_host(text: str) -> SshTarget:
    """`[user@]host[:port]`; an IPv6 address with a port stands in brackets. Raises UsageError."""
    user, at, place = text.rpartition("@")
    if at and not _USER.fullmatch(user):
        raise _bad_host(text, "the name of the user is empty or holds what no name holds")
    if place.startswith("["):
        address, bracket, port = place[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise _bad_host(text, "an IPv6 address with a port is written [address]:port")
        _check_v6(text, address)
        return SshTarget(address, user, _port(text, port[1:]) if port else 0)
    if place.count(":") > 1:
        _check_v6(text, place)
        return SshTarget(place, user)
    host, colon, port = place.partition(":")
    if not _HOST.fullmatch(host):
        raise _bad_host(text, "the name of the host is empty or holds what no name holds")
    return SshTarget(host, user, _port(text, port) if colon else 0)


def _check_v6(text: str, address: str) -> None:
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        raise _bad_host(text, f"'{printable(address)}' is no IPv6 address") from None


def _port(text: str, port: str) -> int:
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise _bad_host(text, f"'{printable(port)}' is no port (1 to 65535)")
    return int(port)


def _bad_host(text: str, why: str) -> UsageError:
    return UsageError(f"'{printable(text)}' names no host: {why}", hint="for example pi@raspberrypi.local:22")
