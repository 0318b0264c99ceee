"""A case folder is a capture written by hand, and what it must lead to.

    tests/cases/<subject>/<case>/
      expect.toml       what comes of it, and how we know
      files/etc/...     the files of the host (as they leave the device: secrets masked); symbolic links are links
      commands/NAME.out, NAME.err, NAME.status    what commands answered (status 0 if not given)

expect.toml:

    how = "how the case was made, or which other tool gave the expected values"
    uid = 0                     # who read it; default 0
    source = "ssh"              # or "local", "directory"
    captured_at = 1763800000    # the host's clock
    denied = ["/etc/shadow"]    # files that exist and could not be read
    blocked = ["/root"]         # directories that could not be searched
    [meta."/etc/shadow"]        # default: mode "0644", uid 0, gid 0, user "root", group "root", mtime 0
    mode = "0640"
    [profile]                   # optional, the fields of thornwall.model.profile.Profile
    online = "exposed"

    [[expect]]
    rule = "ssh-password-login"
    status = "fail"             # fail, pass, unknown, not-applicable, manual
    subject = "pi"              # optional: then this subject must have that status
    evidence = "/etc/ssh/sshd_config:3"   # optional: one of the evidences is at this place
    mend = "audit the running host"       # optional: what would make it known
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from thornwall.facts.registry import probes
from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
from thornwall.model.probe import Read, skipped

CASES = Path(__file__).parent / "cases"


def expectations(folder: Path) -> dict[str, Any]:
    """expect.toml as it stands."""
    return tomllib.loads((folder / "expect.toml").read_text())


def load(folder: Path) -> Capture:
    """The capture that the folder describes."""
    expect = expectations(folder)
    files = {record.path: record for record in _files(folder, expect.get("meta", {}))}
    for path in expect.get("denied", []):
        files[path] = FileRecord(path, "denied")
    return Capture(
        Manifest(
            target=folder.name,
            source=expect.get("source", "ssh"),
            uid=expect.get("uid", 0),
            captured_at=expect.get("captured_at", 1_763_800_000),
            reads=tuple(probe.pattern for probe in probes() if isinstance(probe, Read)),
            blocked=tuple(expect.get("blocked", [])),
            skipped=skipped(probes(), live=expect.get("source") != "directory", uid=expect.get("uid", 0)),
        ),
        files,
        {result.name: result for result in _commands(folder)},
    )


def _files(folder: Path, meta: dict[str, dict[str, Any]]) -> list[FileRecord]:
    root = folder / "files"
    records = []
    for path in sorted(root.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        name = "/" + str(path.relative_to(root))
        given = meta.get(name, {})
        link = path.is_symlink()
        content = None if link else path.read_bytes()
        records.append(
            FileRecord(
                name,
                "link" if link else "read",
                content,
                mode=int(given.get("mode", "0644"), 8),
                uid=given.get("uid", 0),
                gid=given.get("gid", 0),
                user=given.get("user", "root"),
                group=given.get("group", "root"),
                size=len(content or b""),
                mtime=given.get("mtime", 0),
                target=str(path.readlink()) if link else "",
            )
        )
    return records


def _commands(folder: Path) -> list[CommandResult]:
    results = []
    for out in sorted((folder / "commands").glob("*.out")):
        status, err = out.with_suffix(".status"), out.with_suffix(".err")
        results.append(
            CommandResult(
                out.stem,
                out.read_bytes(),
                err.read_bytes() if err.exists() else b"",
                int(status.read_text()) if status.exists() else 0,
            )
        )
    return results
