"""What Lynis and the CIS profile say of the planted host: before, after `recommended`, after `strict`.

`python -m bench.scores [--vm] [--only STATE] [--keep FOLDER] [trixie|bookworm]...`, as root. Takes some ten minutes for
each release; in a virtual machine, whose kernel is its own, some two hours: without `--only` all three states are told.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from bench.ours import THORNWALL, say, user_of
from bench.peers import CIS, LYNIS, NUMBERS, PUT, SSG, fetched, install
from tests.lab import Host, start, vm
from tests.lab.settings import RELEASES
from tests.lab.vm_desk import PATIENCE

_PI = "Tulip-9-kettle-rain"
_LIMIT = 31  # seconds after which ufw no longer counts a connection
_STATES = ("before", "recommended", "strict")
_EMULATED = 6 * 3600  # a limit for what takes a minute where nothing is emulated


class Scores:
    """One host, as the other tools see it. `keep`: where their reports go; `patient`: it is emulated."""

    def __init__(self, host: Host, keep: Path | None, *, patient: bool) -> None:
        self.host, self.keep, self.patient = host, keep, patient
        self.seconds = _EMULATED if patient else 900

    def lynis(self, state: str) -> int:
        """Its 'Hardening index', 0 to 100."""
        say("lynis")
        said = self.host.run(f"{LYNIS} >/root/lynis", timeout=self.seconds)
        if said.returncode != 0:
            raise RuntimeError(said.stderr)
        found = re.search(r"Hardening index : (\d+)", self._read(state, "/root/lynis"))
        if found is None:
            raise RuntimeError("lynis told no hardening index")
        self._read(state, "/var/log/lynis.log")
        return int(found[1])

    def cis(self, state: str) -> float:
        """The score of XCCDF's default model, 0 to 100, for CIS level 1 server."""
        say("oscap")
        rules = SSG.format(number=NUMBERS[self.host.release])
        command = f"oscap xccdf eval --profile {CIS} --results /root/cis.xml {rules} >/root/cis"
        self.host.run(command, timeout=self.seconds)
        found = self.host.run("grep -o '<score[^>]*>[0-9.]*</score>' /root/cis.xml; rm /root/cis.xml").stdout
        score = re.search(r">([\d.]+)<", found)
        if score is None:
            raise RuntimeError("oscap told no score")
        self._read(state, "/root/cis")
        return float(score[1])

    def _read(self, state: str, path: str) -> str:
        text = self.host.run(["cat", path], check=True).stdout
        if self.keep is not None:
            self.keep.mkdir(parents=True, exist_ok=True)
            (self.keep / f"{self.host.name}-{state}-{Path(path).name}").write_text(text)
        return text

    def harden(self, preset: str) -> dict[str, Any]:
        """The plan that follows: what is still wrong, what was held back, and our own score."""
        say(f"hardening to {preset}")
        with user_of(self.host) as user:
            if self.patient:
                with (user.home / ".ssh/config").open("a") as config:
                    config.write("  ConnectTimeout 120\n")
            secrets = user.home / "secrets"
            secrets.touch(0o600)
            secrets.write_text(f"sudo = '{_PI}'\n[passwords]\npi = '{_PI}'\nwebcam = 'Window-4-lamp-moss'\n")

            def run(*words: str, patience: tuple[str, ...] = ()) -> str:
                slow = patience if self.patient else ()
                argv = [str(THORNWALL), words[0], user.target, "--preset", preset, *slow, *words[1:]]
                done = subprocess.run(argv, env=user.environment, capture_output=True, text=True, check=False)
                if done.returncode not in {0, 1}:
                    said = f"{done.stdout}{done.stderr}"
                    raise RuntimeError(f"'thornwall {words[0]}' ended with {done.returncode}: {said}")
                say(done.stderr)
                return done.stdout

            run("harden", "--yes", "--secrets", str(secrets), patience=PATIENCE)
            self._settle()
            slow = ("--timeout", "1200", "--password-seconds", "30")
            after: dict[str, Any] = json.loads(run("plan", "-f", "json", "--secrets", str(secrets), patience=slow))
            return after

    def _settle(self) -> None:
        """What awaits a restart, and what is done in the background some time later: here now."""
        self.host.reboot()
        self.host.run("systemctl start thornwall-aide.service", timeout=self.seconds)
        time.sleep(_LIMIT)


@contextmanager
def planted(release: str, *, machine: bool) -> Iterator[Host]:
    """A planted host, or virtual machine, with packages at hand and the other tools installed."""
    if not machine:
        with start(release, "planted", packages=True) as host:
            install(host)
            yield host
        return
    with vm.start(release) as emulated:
        host = cast("Host", emulated)  # it has all that is used of a host here
        folder = Path(emulated.console).parent
        options = [f"UserKnownHostsFile={host.known_hosts}", f"IdentityFile={host.private_key}", "IdentitiesOnly=yes"]
        debs = [str(path) for path in fetched(release, emulated.disk.source.root)]
        host.run("install -d -o pi /var/tmp/peers", check=True)
        argv = ["scp", "-q", "-F", "none", *(part for each in options for part in ("-o", each)), *debs]
        subprocess.run([*argv, f"{host.user}@{host.address}:/var/tmp/peers"], check=True, cwd=folder)
        host.run(PUT, timeout=_EMULATED, check=True)
        yield host


def main() -> int:
    """Print one line for each state of each host."""
    parser = argparse.ArgumentParser(prog="python -m bench.scores")
    parser.add_argument("--vm", action="store_true", help="of a virtual machine, emulated")
    parser.add_argument("--only", action="append", choices=_STATES, help="this state alone (can be given again)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the reports there")
    parser.add_argument("releases", nargs="*", metavar="RELEASE", help=f"all: {', '.join(RELEASES)}")
    wanted = parser.parse_args()
    for release in wanted.releases or RELEASES:
        with planted(release, machine=wanted.vm) as host:
            scores = Scores(host, wanted.keep, patient=wanted.vm)
            for state in wanted.only or _STATES:
                own = "" if state == "before" else f", ours {scores.harden(state)['before']['score']}"
                line = f"{release} {state}: lynis {scores.lynis(state)}, CIS level 1 {scores.cis(state):.1f}{own}\n"
                sys.stdout.write(line)
                sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
