"""What package work notes of the services that were to start anew, under real shells."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from thornwall.apply.text import template

SHELLS = {"dash": ["dash"], "busybox": ["busybox", "ash"], "bash": ["bash", "--posix"]}
INVOKE = "/usr/bin/perl /usr/bin/deb-systemd-invoke"
HELPER = "sh -c /usr/sbin/policy-rc.d"
# what policy-rc.d noted: the action and the unit; then, in one line, the calls of its parent and of that one's
ASKED = (
    ("any rehearsal", "/bin/sh /var/lib/thornwall/0001/work.sh"),
    ("restart pair-a.service", f"{HELPER} pair-a.service {INVOKE} restart pair-a.service pair-b.service pair.socket"),
    ("restart own.service", f"{HELPER} own.service {INVOKE} --user restart own.service"),
    ("start idle.service", f"{HELPER} idle.service {INVOKE} start idle.service"),
    (
        "upgrade nginx",
        "/bin/sh /usr/sbin/invoke-rc.d nginx upgrade /bin/sh /var/lib/dpkg/info/nginx.postinst configure",
    ),
    ("reload apache2", "/bin/sh /usr/sbin/invoke-rc.d apache2 reload"),
    ("restart udev", "/bin/sh /usr/sbin/invoke-rc.d udev restart"),
    ("restart openbsd-inetd", "/bin/sh /usr/sbin/invoke-rc.d openbsd-inetd restart"),
    ("restart inetd.service", f"{HELPER} inetd.service {INVOKE} restart inetd.service"),
    ("stop gone.service", f"{HELPER} gone.service {INVOKE} stop gone.service"),
    *((f"restart {name}", "") for name in ("masked", "dead", "dbus", "wpa_supplicant.service", "../../evil")),
    *((f"restart {name}", "") for name in ("$(reboot)", "a;b", "ssh.service")),
)
# as systemd tells: its own name of the unit, whether it has a file, how it is
UNITS = {
    **{name: (name, "loaded", "running") for name in ("pair-a", "pair-b", "own", "idle", "nginx", "apache2", "ssh")},
    **{name: (name, "loaded", "running") for name in ("inetd", "dbus", "wpa_supplicant")},
    "udev": ("systemd-udevd", "loaded", "running"),
    "openbsd-inetd": ("inetd", "loaded", "running"),
    "gone": ("gone", "not-found", "running"),
    "masked": ("masked", "masked", "running"),
    "dead": ("dead", "loaded", "dead"),
}


def systemctl() -> str:
    rows = "".join(
        f"  {name}.service) printf 'SubState={sub}\\nId={id_}.service\\nLoadState={load}\\n' ;;\n"
        for name, (id_, load, sub) in UNITS.items()
    )
    return f"#!/bin/sh\nfor last; do :; done\ncase $last in\n{rows}esac\n"


@pytest.mark.parametrize("awk", ["mawk", "gawk", "busybox"])
@pytest.mark.parametrize("shell", SHELLS)
def test_what_runs_and_was_to_start_anew(shell: str, awk: str, tmp_path: Path) -> None:
    found, words = shutil.which(awk), SHELLS[shell]
    if found is None or shutil.which(words[0]) is None:
        pytest.skip(f"{awk} or {words[0]} is not installed")
    (tmp_path / "awk").symlink_to(found)
    (tmp_path / "systemctl").write_text(systemctl())
    (tmp_path / "systemctl").chmod(0o755)
    (tmp_path / "asked").write_text("".join(f"{first}\n{second}\n" for first, second in ASKED))
    script = "\n".join((template("packages_common.sh"), template("common.sh")))
    script = script.replace("/run/systemd/system", str(tmp_path))
    script += f"\nPATH={tmp_path}:$PATH D={tmp_path} nl='\n'\nto_restart\necho $again\n"
    done = subprocess.run([*words, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["inetd.service", "nginx.service", "pair-a.service", "pair-b.service", "ssh.service"]
    assert done.stderr == ""
