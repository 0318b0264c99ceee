"""The command line's entry: `thornwall`, or `python -m thornwall`."""

from __future__ import annotations

import gc
import sys

from thornwall import __version__


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):  # asked by scripts, all the time: answered before anything is imported
        sys.stdout.write(f"thornwall {__version__}\n")
        return
    gc.set_threshold(50_000)  # what is imported is never garbage: looking for some takes a tenth of the start
    from thornwall.cli.app import run  # noqa: PLC0415

    sys.exit(run())


if __name__ == "__main__":
    main()
