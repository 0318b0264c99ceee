"""Fixes of the rules about backups."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from thornwall.model.change import Purpose, SetMode
from thornwall.model.fact import Known
from thornwall.model.finding import Finding
from thornwall.plan.fix import Fix, Situation, Want, fix
from thornwall.plan.fixes.filesystem import roots_way, tree_of

PATHS: tuple[str, ...] = ()


@fix("backup-open-to-others", step="backup-copies", purpose=Purpose.PERMISSIONS, title="Close copies of the system")
def open_copy(situation: Situation, finding: Finding) -> Iterator[Want]:
    """0600, by its owner. What root left in somebody's home is out of both their reach, and left to a person."""
    backup = situation.facts.backup
    copies = backup.value.copies.value if isinstance(backup, Known) and isinstance(backup.value.copies, Known) else ()
    for copy in copies:
        if copy.path != finding.subject:
            continue
        home = tree_of(situation).entry(posixpath.dirname(copy.path))
        at_home = home is not None and home.uid != 0
        if copy.user != "root" and (not at_home or (home is not None and home.user == copy.user)):
            yield SetMode(copy.path, 0o600, owner=copy.user)
        elif copy.user == "root" and roots_way(situation, copy.path):
            yield SetMode(copy.path, 0o600)


FIXES: tuple[Fix, ...] = (open_copy,)
