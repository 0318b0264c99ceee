"""Coverage-guided fuzzing of everything that parses what a host or a file says (atheris, which is not a dependency).

    pip install atheris
    python fuzz/fuzz_capture.py -max_total_time=60

The first byte chooses what is fed: a packed capture, the stream of a host, files and commands of a capture, a policy.
Nothing may come of any of them but an answer or a ThornwallError.
"""

from __future__ import annotations

import gzip
import sys

import atheris

with atheris.instrument_imports(include=["thornwall"]):
    from thornwall.collect.archive import unpack
    from thornwall.collect.stream import parse_stream
    from thornwall.errors import ThornwallError
    from thornwall.facts.registry import probes, snapshot
    from thornwall.jobs.audit import assess
    from thornwall.jobs.judging import Judging
    from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
    from thornwall.model.probe import Read, Run
    from thornwall.report import FORMATS
    from thornwall.rules.registry import RULES
    from thornwall.rules.settings import parse_policy, parse_profile

PROBES = probes()
PATHS = [probe.pattern.replace("*", "x") for probe in PROBES if isinstance(probe, Read)]
NAMES = [probe.name for probe in PROBES if isinstance(probe, Run)]
MANIFEST = Manifest("fuzz", "ssh", 0, 1_700_000_000, reads=tuple(PATHS))
NONCE = "n"


def capture_of(data: bytes) -> Capture:
    """Pieces of the data, as contents of files and outputs of commands that thornwall asks for."""
    source = atheris.FuzzedDataProvider(data)
    files, commands = {}, {}
    while source.remaining_bytes() > 2:
        piece = source.ConsumeBytes(source.ConsumeIntInRange(0, 400))
        if source.ConsumeBool():
            path = PATHS[source.ConsumeIntInRange(0, len(PATHS) - 1)]
            files[path] = FileRecord(path, "read", piece, 0o644, 0, 0, "root", "root", len(piece), 0)
        else:
            name = NAMES[source.ConsumeIntInRange(0, len(NAMES) - 1)]
            commands[name] = CommandResult(name, piece, b"", 0)
    return Capture(MANIFEST, files, commands)


def one(data: bytes) -> None:
    """One input."""
    if not data:
        return
    kind, rest = data[0] % 6, data[1:]
    try:
        if kind == 0:
            snapshot(unpack(rest))
        elif kind == 1:
            snapshot(unpack(gzip.compress(rest, 1)))
        elif kind == 2:
            snapshot(parse_stream(rest, nonce=NONCE, probes=PROBES, target="fuzz", source="ssh"))
        elif kind == 3:
            parse_policy(rest.decode("utf-8", "replace"), "policy.toml", RULES)
            parse_profile(rest.decode("utf-8", "replace"), "profile.toml")
        else:
            report = assess(capture_of(rest), Judging("2026-01-01"))
            faults = [finding.detail for finding in report.findings if "fault of thornwall" in finding.detail]
            if faults:
                raise RuntimeError(faults[0])
            if kind == 5:
                for form in FORMATS.values():
                    form.render(report)
    except ThornwallError:
        pass


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
