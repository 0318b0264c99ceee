"""Where Debian comes from: the mirror that this machine's own apt is set up with."""

from dataclasses import dataclass

from .errors import LabError
from .tools import run

# Settings of this machine's apt without which its mirror may not answer.
_TRANSPORT = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-Valid-Until", "Acquire::Check-Date")


@dataclass(frozen=True)
class Mirror:
    """Addresses of the archive and of its security archive, and the apt options that reaching them takes."""

    main: str
    security: str
    options: tuple[str, ...]


def read_mirror() -> Mirror:
    """The mirror of this machine; LabError when its apt knows of no Debian archive."""
    main = security = None
    for line in run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(ORIGIN)"]).splitlines():
        uri, release, origin = [*line.split(" ", 2), "", ""][:3]
        if release.endswith("-security"):
            security = security or uri
        elif origin == "Debian":
            main = main or uri
    if main is None:
        raise LabError("this machine's apt has no Debian archive: run 'apt-get update', or add one to its sources")
    if security is None:
        security = main.rstrip("/") + "-security/"
    return Mirror(main, security, tuple(_transport_options()))


def _transport_options() -> list[str]:
    options = []
    for line in run(["apt-config", "dump"]).splitlines():
        name, _, value = line.rstrip(";").partition(" ")
        if name in _TRANSPORT:
            options.append(f"{name} {value};")
    return options
