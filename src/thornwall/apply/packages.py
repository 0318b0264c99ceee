"""Package work to sh: done before a transaction, outside its window, under a record of its own."""

from __future__ import annotations

import re

from thornwall.apply.text import CALL, fill, nonce_of, template, write_parts
from thornwall.errors import UsageError
from thornwall.model.change import Packages

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?")
# what both halves know of dpkg: name, architecture and version of all that is installed
_INSTALLED = """
installed() {
  t 60 dpkg-query -W -f '${db:Status-Status} ${binary:Package} ${Version}\\n' | sed -n 's/^installed //p' | sort
}
"""


def packages_script(wanted: Packages, *, nonce: str, version: str = "") -> str:
    """The script that installs and upgrades in a unit of its own, and follows that until all is accounted for.

    It ends with 0 also where apt had trouble: that is told by an event, and what came is known all the same.
    """
    for name in wanted.install:
        if not _PACKAGE.fullmatch(name):
            raise UsageError(f"{name!a} is no name of a package")
    work = _work(wanted)
    common = template("common.sh") + _INSTALLED
    parts = {
        "work.sh": "\n".join((fill(template("packages_work.sh"), work), common, 'main "$@" # END\n')),
        "undo.sh": "\n".join((_words(wanted, version), template("packages_undo.sh"), common, 'main "$@" # END\n')),
    }
    body = fill(template("packages.sh"), {"nonce": nonce_of(nonce)})
    written = write_parts(parts, nonce=nonce, version=version, title=_title(wanted))
    return f"{body}\n{written}\n{common}\n{CALL}"


def _work(wanted: Packages) -> dict[str, str]:
    fresh = wanted.refresh or wanted.upgrade
    lines = ["  update"] * fresh
    lines += [f"  install {' '.join(wanted.install)}"] * bool(wanted.install)
    lines += ["  upgrade"] * wanted.upgrade
    return {"work": "\n".join(lines), "steps": str(len(lines)), "fresh": "1" * fresh}


def _title(wanted: Packages) -> str:
    names = ", ".join(wanted.install)
    return "packages: " + ("; ".join(filter(None, [names, "upgrades" * wanted.upgrade])) or "lists")


def _words(wanted: Packages, version: str) -> str:
    return "\n".join(
        (
            f"# Takes back what Thornwall {version} installed: {_title(wanted)}",
            "# Run it as root: sh undo.sh. It removes the packages that came, those that they brought along too, and",
            "# their settings. What was upgraded stays as it is.",
            "",
        )
    )
