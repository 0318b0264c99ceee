"""Package work to sh: done before a transaction, outside its window, under a record of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from thornwall.apply.text import CALL, About, fill, nonce_of, number_of, template, write_parts
from thornwall.errors import UsageError
from thornwall.model.change import Packages

_SERVICE = re.compile(r"[a-z0-9][a-z0-9-]*\.service")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?")


def together(works: Iterable[Packages]) -> Packages | None:
    """All package work as one; None where there is none."""
    found = tuple(works)
    if not found:
        return None
    return Packages(
        install=tuple(dict.fromkeys(name for each in found for name in each.install)),
        upgrade=any(each.upgrade for each in found),
        refresh=any(each.refresh for each in found),
        remove=tuple(dict.fromkeys(name for each in found for name in each.remove)),
        off=tuple(dict.fromkeys(name for each in found for name in each.off)),
    )


def packages_script(wanted: Packages, *, nonce: str, version: str = "") -> str:
    """The script that installs and upgrades in a unit of its own, and follows that until all is accounted for.

    It ends with 0 also where apt had trouble: that is told by an event, and what came is known all the same.
    """
    for name in (*wanted.install, *wanted.remove):
        if not _PACKAGE.fullmatch(name):
            raise UsageError(f"{name!a} is no name of a package")
    for name in wanted.off:
        if not _SERVICE.fullmatch(name):
            raise UsageError(f"{name!a} is no name of a service")
    work = _work(wanted)
    common = "\n".join((template("packages_common.sh"), template("common.sh")))
    out = [template("packages_out.sh")] * bool(wanted.remove)
    back = template("packages_back.sh") if wanted.remove else "put_back() { :; }\n"
    end = 'main "$@" # END\n'
    parts = {
        "work.sh": "\n".join((fill(template("packages_work.sh"), work), *out, common, end)),
        "undo.sh": "\n".join((_words(wanted, version), template("packages_undo.sh"), back, common, end)),
    }
    body = fill(template("packages.sh"), {"nonce": nonce_of(nonce)})
    written = write_parts(parts, nonce=nonce, about=About(version, _title(wanted)))
    return "\n".join((body, template("packages_tell.sh"), written, template("claim.sh"), common, CALL))


def again_script(id_: str, *, nonce: str) -> str:
    """The script that tells from the start what became of the packages of change `id_`, and follows that to its end."""
    body = fill(template("packages_again.sh"), {"nonce": nonce_of(nonce), "id": number_of(id_)})
    return "\n".join((body, *map(template, ("packages_tell.sh", "packages_common.sh", "common.sh")), CALL))


def _work(wanted: Packages) -> dict[str, str]:
    fresh = wanted.refresh or wanted.upgrade
    lines = ["    update"] * fresh
    lines += [f"    install {' '.join(wanted.install)}"] * bool(wanted.install)
    lines += ["    upgrade"] * wanted.upgrade
    # (what is kept of them needs the libraries that there are then)
    lines += [f"    remove {' '.join(wanted.remove)}"] * bool(wanted.remove)
    steps = len(lines)
    lines += [f"    stay_off {' '.join(wanted.off)}"] * bool(wanted.off)
    return {"work": "\n".join(lines or ["    :"]), "steps": str(steps), "fresh": "1" * fresh}


def _title(wanted: Packages) -> str:
    names, gone = ", ".join(wanted.install), ", ".join(wanted.remove)
    parts = (names, gone and f"without {gone}", "upgrades" * wanted.upgrade)
    return "packages: " + ("; ".join(filter(None, parts)) or "lists")


def _words(wanted: Packages, version: str) -> str:
    return "\n".join(
        (
            f"# Takes back what Thornwall {version} did with packages: {_title(wanted)}",
            "# Run it as root: sh undo.sh. It removes the packages that came, those that they brought along too, and",
            "# their settings. What went comes back, from what was kept of it. What was upgraded stays as it is.",
            "",
        )
    )
