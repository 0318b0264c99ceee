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
more() { :; }
@more@
make 1
more
dpkg -i pair_1.deb
systemctl daemon-reload
systemctl start pair-a pair-b
make 2
more
{
  cat pair/DEBIAN/control
  printf 'Filename: ./pair_2.deb\nSize: %s\n' "$(stat -c %s pair_2.deb)"
  printf 'SHA256: %s\n' "$(sha256sum pair_2.deb | cut -d' ' -f1)"
} >Packages
rm -r pair pair_1.deb
echo 'deb [trusted=yes] file:/srv/archive ./' >/etc/apt/sources.list.d/pair.list
"""


# Of the new version, one program dies as soon as it runs, and one unit is no more. cups is asked for too, which the
# plan stops; and sshd, whose settings somebody has broken without having them read.
BROKEN = r"""
more() {
  [ -e pair_1.deb ] || return 0
  folder=pair/usr/lib/systemd/system
  printf '[Service]\nType=exec\nExecStart=/usr/bin/false\n' >$folder/pair-a.service
  rm $folder/pair-b.service
  {
    echo '#!/bin/sh'
    echo 'systemctl daemon-reload'
    echo '[ -z "$2" ] || deb-systemd-invoke restart pair-a.service pair-off.service'
    echo '[ -z "$2" ] || deb-systemd-invoke stop pair-b.service'
    echo '[ -z "$2" ] || deb-systemd-invoke restart cups.service'
    echo '[ -z "$2" ] || deb-systemd-invoke restart ssh.service'
  } >pair/DEBIAN/postinst
  dpkg-deb --root-owner-group -b pair pair_2.deb >/dev/null
}
"""


def running(host: Host, unit: str) -> str:
    """The main process, and its program as the kernel has it."""
    return host.run(f"p=$(systemctl show -P MainPID {unit}); echo $p $(readlink /proc/$p/exe)").stdout.strip()


def test_what_was_updated_while_it_ran_starts_anew(release: str, tmp_path: Path) -> None:
    with start(release, "planted", packages=True) as host:
        host.run(PAIR.replace("@more@", ""), check=True)
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


def test_what_does_not_come_up_in_its_new_version_is_told(release: str, tmp_path: Path) -> None:
    """And keeps nothing from being made: no way back heals it."""
    with start(release, "planted", packages=True) as host:
        host.run(PAIR.replace("@more@", BROKEN), check=True)
        host.run("echo Nonsense yes >/etc/ssh/sshd_config.d/99-broken.conf", check=True)
        desk = Desk(host, tmp_path)
        sshd = running(host, "ssh.service")
        gone = running(host, "pair-b.service")
        done = desk.harden("--only", "pending-security-updates", "--only", "cups-listening")
        said = " ".join(done.stdout.split())
        assert done.code == 1, said + done.stderr
        assert "✗ pair-a.service runs in its new version it was updated, and does not start in its new version" in said
        assert "✗ ssh.service runs in its new version it was not started anew, since its settings have a fault" in said
        assert "Started anew, since they were updated: nginx.service" in said
        assert desk.changes() == ["0001 confirmed", "0002 confirmed"]
        assert running(host, "pair-a.service") == "0"
        assert running(host, "pair-b.service") == gone.replace("wait", "wait (deleted)")
        assert running(host, "ssh.service") == sshd
        assert host.run("systemctl is-active cups.service").stdout == "inactive\n"
        assert host.login("id -un").stdout == "pi\n"
        undone = desk.undo("--keep-packages")
        assert undone.code == 0, undone.stderr
        assert "Left as it is: pair-a.service, which does not start in its new version" in undone.stderr
        assert host.run("systemctl is-active cups.service").stdout == "active\n"
        assert running(host, "ssh.service") == sshd


def test_and_at_a_first_start(tmp_path: Path) -> None:
    """Nobody is there to see it: the job does it as soon as it has updated."""
    with start("trixie", "planted", packages=True) as host:
        host.run(PAIR.replace("@more@", ""), check=True)
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
