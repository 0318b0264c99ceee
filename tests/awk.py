"""The awks that a device may have, and a filter run through one of them."""

from __future__ import annotations

import shutil
import subprocess

from thornwall.model.probe import Redaction

AWKS = [
    command for command in (["mawk"], ["gawk", "--posix"], ["gawk"], ["busybox", "awk"]) if shutil.which(command[0])
]


def redact(awk: list[str], filter_: Redaction, lines: list[str], path: str = "./etc/x") -> list[str]:
    """What leaves the device of these lines of the file at `path`."""
    program = (
        f"function r_{filter_.name}(s, l, w) {{\n{filter_.awk}\n}}\n"
        f'{{ FILENAME = "{path}"; print r_{filter_.name}($0) }}'
    )
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(
        [*awk, program],
        input=text.encode(),
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    assert not done.stderr, done.stderr
    return done.stdout.decode().removesuffix("\n").split("\n")
