"""Where a report goes: which format to which file, and what is shown on the terminal."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from thornwall.cli.console import err, out
from thornwall.errors import UsageError
from thornwall.model.finding import HostName, Report
from thornwall.model.surface import Surface
from thornwall.report import FORMATS, format_of
from thornwall.rules.settings import nearest


def can_be_written(files: Sequence[Path]) -> None:
    """Before a host is read for minutes and the result is lost. Raises UsageError."""
    for path in files:
        if not path.parent.is_dir():
            raise UsageError(f"{path} could not be written: there is no folder {path.parent}.", hint="Make it first.")
        if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
            why = "it is a folder" if path.is_dir() else f"you may not write to {path.parent}"
            raise UsageError(f"{path} could not be written: {why}.")


def destinations(formats: Sequence[str], files: Sequence[Path]) -> list[tuple[str, Path | None]]:
    """Pairs of format and file; None is standard output.

    As many formats as files: in their order. Files alone: by suffix, and the terminal shows the report as well. One
    format more than files: the one that no file's suffix asks for goes to standard output. Raises UsageError.
    """
    for name in formats:
        if name not in FORMATS:
            raise UsageError(f"There is no format {name!r}.", hint=nearest(name, FORMATS))
    can_be_written(files)
    if len(formats) == len(files):
        return list(zip(formats, files, strict=True)) or [("terminal", None)]
    by_suffix = [(_by_suffix(path), path) for path in files]
    rest = list(formats)
    for name, _ in by_suffix:
        if name in rest:
            rest.remove(name)
    if len(rest) > 1:
        raise UsageError(
            f"{len(formats)} formats, but {len(files)} files to write them to.",
            hint="Give one -o FILE for each --format; at most one format goes to standard output.",
        )
    return [*by_suffix, ((rest or ["terminal"])[0], None)]


def _by_suffix(path: Path) -> str:
    name = format_of(path.name)
    if name is None:
        suffixes = ", ".join(form.suffix for form in FORMATS.values())
        raise UsageError(f"The name of {path} does not tell a format.", hint=f"End it in {suffixes}, or add --format.")
    return name


def write_report(
    report: Report, where: Sequence[tuple[str, Path | None]], *, verbose: bool = False, quiet: bool = False
) -> None:
    """Render and write the report. Raises UsageError if a file cannot be written."""
    for name, path in where:
        if path is not None:
            write_file(path, FORMATS[name].render(report))
            if not quiet:
                err.print(f"Wrote {path}", markup=False)
        elif name == "terminal":
            from thornwall.report.terminal import render_terminal

            render_terminal(report, out, verbose=verbose, quiet=quiet)
        else:
            sys.stdout.write(FORMATS[name].render(report))


def write_surface(surface: Surface, host: HostName, target: str, shape: str, path: Path | None) -> None:
    """Render and write the attack surface. Raises UsageError if the file cannot be written."""
    from thornwall.report.surface import render_surface, show_surface

    if path is not None:
        write_file(path, render_surface(surface, host, target, shape))
    elif shape == "terminal":
        show_surface(surface, host, target, out)
    else:
        sys.stdout.write(render_surface(surface, host, target, shape))


def write_file(path: Path, text: str) -> None:
    """Write a file of the person's, 0600 for it tells how to attack a host; whole or not at all. Raises UsageError."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path} could not be written: {error.strerror}.") from error
