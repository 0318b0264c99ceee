"""What was updated while it ran starts anew, with the change and under its guard."""

import re
from pathlib import Path

from .hardening import NEW, Desk
from .host import Host, start
from .test_first_start import boot, soon

# Two services of one package, restarted by one call, as debhelper's scripts do; and a third that does not run.
UNITS = ("pair-a.service", "pair-b.service", "pair-off.service")
PAIR = r"""
set -e
mkdir -p /srv/archive && cd /srv/archive
make() {
  rm -rf pair
  mkdir -p pair/DEBIAN pair/usr/lib/pair pair/usr/lib/systemd/system
  cp /usr/bin/sleep pair/usr/lib/pair/wait
  for unit in pair-a pair-b pair-off; do
    printf '[Service]\nExecStart=/usr/lib/pair/wait infinity\n[Install]\nWantedBy=multi-user.target\n' \
      >pair/usr/lib/systemd/system/$unit.service
  done
  printf 'Package: pair\nVersion: %s\nArchitecture: all\nMaintainer: nobody\nDescription: two services\n' "$1" \
    >pair/DEBIAN/control
  printf '#!/bin/sh\n[ -z "$2" ] || deb-systemd-invoke restart pair-a.service pair-b.service pair-off.service\n' \
    >pair/DEBIAN/postinst
  chmod 755 pair/DEBIAN/postinst
  dpkg-deb --root-owner-group -b pair "pair_$1.deb" >/dev/null
}
make 1
dpkg -i pair_1.deb
systemctl daemon-reload
systemctl start pair-a pair-b
make 2
{
  cat pair/DEBIAN/control
  printf 'Filename: ./pair_2.deb\nSize: %s\n' "$(stat -c %s pair_2.deb)"
  printf 'SHA256: %s\n' "$(sha256sum pair_2.deb | cut -d' ' -f1)"
} >Packages
rm -r pair pair_1.deb
echo 'deb [trusted=yes] file:/srv/archive ./' >/etc/apt/sources.list.d/pair.list
"""


def running(host: Host, unit: str) -> str:
    """The main process, and its program as the kernel has it."""
    return host.run(f"p=$(systemctl show -P MainPID {unit}); echo $p $(readlink /proc/$p/exe)").stdout.strip()


def test_what_was_updated_while_it_ran_starts_anew(release: str, tmp_path: Path) -> None:
    with start(release, "planted", packages=True) as host:
        host.run(PAIR, check=True)
        desk = Desk(host, tmp_path)
        others = ("ssh.service", "cron.service", "dbus.service")
        before = {unit: running(host, unit) for unit in (*UNITS, *others)}
        assert all(re.match(r"[1-9]\d* /usr/", before[unit]) for unit in (*UNITS[:2], *others)), before
        done = desk.harden("--only", "pending-security-updates")
        assert done.code == 0, done.stdout + done.stderr
        assert host.run("dpkg-query -W -f '${Version}' pair").stdout == "2"
        after = {unit: running(host, unit) for unit in before}
        for unit in UNITS[:2]:
            assert after[unit] != before[unit]
            assert after[unit].endswith(" /usr/lib/pair/wait")
        assert after["pair-off.service"] == before["pair-off.service"] == "0"
        assert [unit for unit in others if after[unit] != before[unit]] == []
        said = " ".join(done.stdout.split())
        assert re.search(r"Started anew, since they were updated: [^:]*pair-a\.service, pair-b\.service", said), said
        gone = host.run("ls -l /proc/[0-9]*/exe 2>/dev/null | grep '(deleted)'").stdout
        assert gone == ""


def test_and_at_a_first_start(tmp_path: Path) -> None:
    """Nobody is there to see it: the job does it as soon as it has updated."""
    with start("trixie", "planted", packages=True) as host:
        host.run(PAIR, check=True)
        host.run("systemctl enable pair-a pair-b nginx", check=True)
        host.machine.kill()
        desk = Desk(host, tmp_path)
        secrets = desk.secrets(**NEW)
        done = desk.run(
            "harden", f"dir:{host.root}", "--yes", "--secrets", secrets, "--only", "pending-security-updates"
        )
        assert done.code == 0, done.stdout + done.stderr
        assert "Services that are updated while they run start anew; what uses" in " ".join(done.stdout.split())
        soon(desk)
        boot(desk)
        desk.wait_for(lambda: not (host.root / "etc/thornwall").exists(), 400)
        assert host.run("dpkg-query -W -f '${Version}' pair").stdout == "2"
        said = host.run("journalctl -o cat -u thornwall-first-start").stdout
        for unit in ("nginx.service", *UNITS[:2]):
            assert f"{unit} was updated, and is started anew" in said, said
            assert re.fullmatch(r"[1-9]\d* /usr/[a-z/]+", running(host, unit))
        assert running(host, "pair-off.service") == "0"
        assert host.login("id -un").stdout == "pi\n"
