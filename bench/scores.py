"""What Lynis and the CIS profile say of the planted host: before, after `recommended`, after `strict`.

`python -m bench.scores [trixie|bookworm]`, as root. Takes some ten minutes for each release.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from typing import Any

from bench.ours import THORNWALL, say, user_of
from bench.peers import CIS, LYNIS, NUMBERS, SSG, install
from tests.lab import Host, start
from tests.lab.settings import RELEASES

_PI = "Tulip-9-kettle-rain"
_LIMIT = 31  # seconds after which ufw no longer counts a connection


def lynis_index(host: Host) -> int:
    """Its 'Hardening index', 0 to 100."""
    said = host.run(LYNIS, timeout=900).stdout
    found = re.search(r"Hardening index : (\d+)", said)
    if found is None:
        raise RuntimeError("lynis told no hardening index")
    return int(found[1])


def cis_score(host: Host) -> float:
    """The score of XCCDF's default model, 0 to 100, for CIS level 1 server."""
    rules = SSG.format(number=NUMBERS[host.release])
    host.run(f"oscap xccdf eval --profile {CIS} --results /var/tmp/cis.xml {rules}", timeout=900)
    found = re.search(r"<score[^>]*>([\d.]+)</score>", host.run("cat /var/tmp/cis.xml; rm /var/tmp/cis.xml").stdout)
    if found is None:
        raise RuntimeError("oscap told no score")
    return float(found[1])


def settle(host: Host) -> None:
    """What awaits a restart, and what is done in the background some time later: here now."""
    host.reboot()
    host.run("systemctl start thornwall-aide.service", timeout=900)


def harden(host: Host, preset: str) -> dict[str, Any]:
    """The plan that follows: what is still wrong, what was held back, and our own score."""
    with user_of(host) as user:
        secrets = user.home / "secrets"
        secrets.touch(0o600)
        secrets.write_text(f"sudo = '{_PI}'\n[passwords]\npi = '{_PI}'\nwebcam = 'Window-4-lamp-moss'\n")

        def run(*words: str) -> str:
            argv = [str(THORNWALL), words[0], user.target, "--preset", preset, *words[1:]]
            done = subprocess.run(argv, env=user.environment, capture_output=True, text=True, check=False)
            if done.returncode not in {0, 1}:
                raise RuntimeError(f"'thornwall {words[0]}' ended with {done.returncode}: {done.stdout}{done.stderr}")
            say(done.stderr)
            return done.stdout

        run("harden", "--yes", "--secrets", str(secrets))
        settle(host)
        time.sleep(_LIMIT)
        after: dict[str, Any] = json.loads(run("plan", "-f", "json", "--secrets", str(secrets)))
        return after


def main() -> int:
    """Print one line for each state of each host."""
    for release in sys.argv[1:] or RELEASES:
        with start(release, "planted", packages=True) as host:
            install(host)
            sys.stdout.write(f"{release} before: lynis {lynis_index(host)}, CIS level 1 {cis_score(host):.1f}\n")
            for preset in ("recommended", "strict"):
                say(f"hardening to {preset}")
                own = harden(host, preset)["before"]["score"]
                line = f"{release} {preset}: lynis {lynis_index(host)}, CIS level 1 {cis_score(host):.1f}, ours {own}\n"
                sys.stdout.write(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
