"""Package work to sh: done before a transaction, outside its window, under a record of its own."""

from __future__ import annotations

import re

from thornwall.apply.text import fill, nonce_of, template
from thornwall.errors import UsageError
from thornwall.model.change import Packages, sha256

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
    return "\n".join((body, _parts(parts, nonce, _title(wanted), version), common, "main </dev/null\n"))


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


def _parts(parts: dict[str, str], nonce: str, title: str, version: str) -> str:
    end = f"END_{nonce}"
    lines = ["write_parts() {"]
    for name, text in parts.items():
        lines += [f"cat >\"$D/{name}\" <<'{end}'", text.removesuffix("\n"), end]
    sums = " ".join(f'{sha256(text.encode())} "$D/{name}"' for name, text in parts.items())
    lines += [
        f"  printf '%s  %s\\n' {sums} | sha256sum -c >/dev/null 2>&1 &&",
        f"    printf '%s %s\\n%s\\n%s\\n' \"$(date +%s)\" '{version or '-'}' '{title}' - >\"$D/about\" ||",
        '    refuse "what was sent did not arrive whole" "try again"',
        "}",
    ]
    return "\n".join(lines) + "\n"
