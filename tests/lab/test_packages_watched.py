"""Packages come for long: a link that breaks meanwhile, or a host that loses power, ends no hardening."""

import time
from pathlib import Path

from .compare import difference, snapshot
from .hardening import Desk
from .host import Host, start
from .network import Wire

_CUT = (
    "nft add table inet cut; nft 'add chain inet cut in { type filter hook input priority -300; }'; "
    "nft add rule inet cut in tcp dport 22 reject with tcp reset; sleep 12; nft delete table inet cut"
)
# dpkg that takes its time, so that there is some to break the link in
_SLOW = """
cat >/usr/sbin/dpkg <<'END'
#!/bin/sh
case " $* " in *" --unpack "*) sleep 8 ;; esac
exec /usr/bin/dpkg "$@"
END
chmod 755 /usr/sbin/dpkg
"""


def begun(desk: Desk, host: Host) -> bool:
    return "STAGED" in desk.journal() and host.run("pgrep -f -- '[-]-unpack'").returncode == 0


def test_a_link_that_breaks_while_packages_come(tmp_path: Path) -> None:
    with start("trixie", "planted", packages=True) as host:
        host.run(_SLOW, check=True)
        desk = Desk(host, tmp_path)
        process = desk.begin_hardening("--only", "no-firewall")
        desk.wait_for(lambda: begun(desk, host), 120)
        host.run(_CUT, check=True)
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0, out
        assert "The link broke" in out
        assert host.run("ufw status").stdout.startswith("Status: active")
        assert desk.changes() == ["0001 confirmed", "0002 confirmed"]  # nothing was begun twice


def test_a_host_that_loses_power_while_packages_come(tmp_path: Path) -> None:
    """It says what came till then, and brings the rest; one undo for each record takes all of it back."""
    with start("trixie", "planted", packages=True) as host:
        host.run(_SLOW, check=True)
        before = snapshot(host)
        desk = Desk(host, tmp_path)
        process = desk.begin_hardening("--only", "no-firewall", "--only", "ssh-x11-forwarding")
        desk.wait_for(lambda: begun(desk, host), 120)
        host.machine.kill()
        time.sleep(5)
        host.machine.boot(
            host.root, Wire(host.index).namespace, tmp_path / "console", outlive_owner=False, until_up=False
        )
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0, out
        assert "The link broke" in out
        assert "what is left of it is begun anew" in " ".join(out.split())
        assert "\nx11forwarding no\n" in host.run("sshd -T").stdout
        assert host.run("ufw status").stdout.startswith("Status: active")
        assert host.run(["dpkg", "--audit"]).stdout == ""
        assert desk.changes() == ["0001 confirmed", "0002 confirmed", "0003 confirmed"]
        for _ in range(2):
            undone = desk.undo()
            assert undone.code == 0, undone.stderr
        assert desk.changes() == ["0001 undone", "0002 undone", "0003 undone"]
        assert difference(before, snapshot(host), packages=True) == []
