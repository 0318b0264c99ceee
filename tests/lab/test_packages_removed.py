"""Packages that go, and come back from what the device kept of them."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from thornwall.apply.compile import history_script
from thornwall.apply.events import Brought, Event, Trouble
from thornwall.apply.packages import packages_script
from thornwall.apply.reader import Reader
from thornwall.model.change import Packages

from . import faults
from .compare import difference, snapshot
from .hardening import FULL
from .host import Host

at_length = pytest.mark.skipif(not FULL, reason="with THORNWALL_FULL=1")
MADE_ANEW = ["/etc/printcap"]  # a link that cups makes whenever it is installed
SERVERS = ("avahi-daemon", "cups", "cups-core-drivers", "cups-daemon", "inetutils-telnetd", "rpcbind")


def removing(host: Host, *names: str) -> list[Event]:
    nonce = secrets.token_hex(8)
    done = host.run(["sh"], input=packages_script(Packages(remove=names), nonce=nonce), timeout=300)
    return list(Reader(nonce).feed(done.stdout.encode()))


def went(said: list[Event]) -> Brought:
    (one,) = [event for event in said if isinstance(event, Brought)]
    return one


def trouble(said: list[Event]) -> dict[str, str]:
    return {event.what: event.why for event in said if isinstance(event, Trouble)}


def installed(host: Host, *names: str) -> list[str]:
    """Those that dpkg calls installed."""
    said = host.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *names]).stdout
    return [line.removeprefix("installed ") for line in said.splitlines() if line.startswith("installed ")]


def undone(host: Host, id_: str, status: int = 0) -> str:
    done = host.run(f"sh /var/lib/thornwall/{id_}/undo.sh", timeout=300)
    assert done.returncode == status, done
    return done.stdout


def test_servers_go_and_come_back(planted: Host) -> None:
    before = snapshot(planted)
    status = planted.run(["dpkg-query", "-s", *SERVERS], check=True).stdout
    whole = planted.run("dpkg --verify").stdout
    said = removing(planted, *SERVERS)
    assert trouble(said) == {}
    gone = went(said)
    assert gone.went.split() == list(SERVERS)
    assert installed(planted, *SERVERS) == []
    for port in (23, 111, 631):
        assert planted.run(f"ss -tlnH sport = :{port}").stdout == ""
    assert planted.run("systemctl is-active cups.service cups.path avahi-daemon.socket").stdout == "inactive\n" * 3
    undone(planted, gone.id)
    assert difference(before, snapshot(planted), packages=True, ignore=MADE_ANEW) == []
    # with the hashes of their settings as they were shipped, for the next upgrade
    assert planted.run(["dpkg-query", "-s", *SERVERS], check=True).stdout == status
    assert planted.run("dpkg --verify").stdout == whole
    assert planted.run("dpkg --audit", check=True).stdout == ""
    assert gone.id in undone(planted, gone.id)  # asked for once more


@at_length
def test_what_was_off_stays_off(planted: Host) -> None:
    planted.run("systemctl disable --now avahi-daemon.service avahi-daemon.socket; systemctl mask rpcbind.socket")
    planted.run("systemctl stop rpcbind.socket rpcbind.service", check=True)
    before = snapshot(planted)
    undone(planted, went(removing(planted, "avahi-daemon", "rpcbind")).id)
    assert difference(before, snapshot(planted), packages=True) == []


def test_what_is_needed_or_set_up_stays(planted: Host) -> None:
    planted.run("echo 'allow-interfaces=eth0' >>/etc/avahi/avahi-daemon.conf", check=True)
    before = snapshot(planted)
    said = removing(planted, "avahi-daemon", "cups-daemon", "no-such-package")
    assert "/etc/avahi/avahi-daemon.conf" in trouble(said)["avahi-daemon"]
    assert "needs it" in trouble(said)["cups-daemon"]
    assert "no-such-package" in trouble(said)
    assert went(said).went == ""
    assert difference(before, snapshot(planted), packages=True) == []


_REFUSING = """
cat >/usr/sbin/dpkg <<'END'
#!/bin/sh
[ "$1" = --remove ] && echo "dpkg: error: unable to access the database" >&2 && exit 2
exec /usr/bin/dpkg "$@"
END
chmod 755 /usr/sbin/dpkg
"""


@at_length
def test_what_dpkg_refuses_runs_on(planted: Host) -> None:
    planted.run(_REFUSING, check=True)
    before = snapshot(planted)
    said = removing(planted, "avahi-daemon", "rpcbind")
    assert "unable to access" in trouble(said)["dpkg --remove"]
    assert went(said).went == ""
    assert difference(before, snapshot(planted), packages=True) == []


# dpkg that takes the first of several away, and then for ever
_SLOW = """
cat >/usr/sbin/dpkg <<'END'
#!/bin/sh
[ "$1" = --remove ] && [ $# -gt 2 ] && /usr/bin/dpkg "$1" "$2" && exec sleep 300
exec /usr/bin/dpkg "$@"
END
chmod 755 /usr/sbin/dpkg
"""


@pytest.mark.parametrize("next_", [pytest.param("undo", marks=at_length), "more"])
def test_what_a_power_cut_ended_is_accounted_for(planted: Host, next_: str) -> None:
    planted.run(_SLOW, check=True)
    before = snapshot(planted)
    with ThreadPoolExecutor() as pool:
        work = pool.submit(removing, planted, "cups", "cups-core-drivers", "cups-daemon", "rpcbind")
        assert faults.wait_until(lambda: installed(planted, "cups") == [], 60)
        assert "still coming in" in undone(planted, "0001", status=11)
        assert "\tworking\tpackages: " in planted.run(["sh"], input=history_script(nonce="n" * 16)).stdout
        planted.run("systemctl kill -s KILL thornwall-packages-0001.service", check=True)
        assert went(work.result()).went == "cups"
    assert "working" not in planted.run(["sh"], input=history_script(nonce="n" * 16)).stdout
    assert planted.run("test -e /usr/sbin/policy-rc.d").returncode == 1
    if next_ == "more":
        # as after a power cut: nobody was there to account for it
        state = planted.root / "var/lib/thornwall/0001/state"
        (state / "confirmed").rename(state / "open")
        said = removing(planted, "avahi-daemon")
        later = went(said)
        assert later.went == "avahi-daemon", said
        undone(planted, later.id)
    undone(planted, "0001")
    assert difference(before, snapshot(planted), packages=True) == []


# dpkg that takes its time before it installs
_LATE = """
cat >/usr/sbin/dpkg <<'END'
#!/bin/sh
case " $* " in *' -i '*) touch /run/installs && sleep 5 ;; esac
exec /usr/bin/dpkg "$@"
END
chmod 755 /usr/sbin/dpkg
"""


def test_undo_goes_on_when_the_link_breaks(planted: Host) -> None:
    planted.run(_LATE, check=True)
    before = snapshot(planted)
    gone = went(removing(planted, "inetutils-telnetd", "rpcbind"))
    with ThreadPoolExecutor() as pool:
        broken = pool.submit(planted.run, f"sh /var/lib/thornwall/{gone.id}/undo.sh; exit $?")
        assert faults.wait_until(lambda: planted.run("test -e /run/installs").returncode == 0, 60)
        planted.run("pkill -KILL -f 'undo.sh$'", check=True)
        assert broken.result().returncode == 128 + 9
    # whoever asks again is told how that ends
    assert "is taken back" in undone(planted, gone.id)
    begun = planted.run(f"grep -c TAKING_BACK /var/lib/thornwall/{gone.id}/journal")
    assert begun.stdout == "1\n"
    assert difference(before, snapshot(planted), packages=True) == []


# dpkg that is killed when it has installed what comes back
_KILLED = """
cat >/usr/sbin/dpkg <<'END'
#!/bin/sh
case " $* " in *' -i '*) /usr/bin/dpkg "$@"; mkdir /run/killed && pkill -KILL -f 'undo.sh --run' ;; esac
exec /usr/bin/dpkg "$@"
END
chmod 755 /usr/sbin/dpkg
"""


def test_undo_that_is_killed_keeps_what_it_did_not_put_back(planted: Host) -> None:
    planted.run(_KILLED, check=True)
    setting = planted.run("cat /etc/inetd.conf", check=True).stdout
    gone = went(removing(planted, "inetutils-telnetd"))
    said = undone(planted, gone.id)
    planted.run("ls -d /run/killed", check=True)
    assert installed(planted, "inetutils-telnetd") == ["inetutils-telnetd"]
    if "/etc/inetd.conf" in said:
        kept = planted.run(f"cat /var/lib/thornwall/{gone.id}/was/etc/inetd.conf", check=True).stdout
        assert kept == setting
    else:
        assert planted.run("cat /etc/inetd.conf").stdout == setting


def test_what_was_edited_meanwhile_is_kept(planted: Host) -> None:
    # (a file that a script of the package removes, and somebody makes anew)
    script = "/var/lib/dpkg/info/inetutils-telnetd.prerm"
    planted.run(
        f"echo old >/etc/again; printf '#!/bin/sh\\nrm /etc/again\\n' >{script}; chmod 755 {script}", check=True
    )
    gone = went(removing(planted, "inetutils-telnetd"))
    planted.run("echo '# mine' >>/etc/inetd.conf; echo new >/etc/mine; echo new >/etc/again", check=True)
    said = undone(planted, gone.id)
    assert "/etc/inetd.conf" in said
    assert "/etc/again" in said
    assert planted.run("tail -n 1 /etc/inetd.conf; cat /etc/mine /etc/again").stdout == "# mine\nnew\nnew\n"
    assert installed(planted, "inetutils-telnetd") == ["inetutils-telnetd"]


@at_length
def test_what_was_installed_again_is_not_set_back(planted: Host) -> None:
    """Nobody wants an older version than he has."""
    gone = went(removing(planted, "avahi-daemon", "rpcbind"))
    deb = f"/var/lib/thornwall/{gone.id}/debs/rpcbind.deb"
    newer = (
        f"dpkg-deb -R {deb} /root/r && sed -i 's/^Version: .*/&+newer/' /root/r/DEBIAN/control && dpkg-deb -b /root/r"
    )
    planted.run(f"{newer} /root/rpcbind.deb && dpkg -i /root/rpcbind.deb", check=True)
    assert "rpcbind" in undone(planted, gone.id)
    assert installed(planted, "avahi-daemon", "rpcbind") == ["avahi-daemon", "rpcbind"]
    assert planted.run(["dpkg-query", "-W", "-f", "${Version}", "rpcbind"]).stdout.endswith("+newer")


@at_length
def test_it_can_be_tried_again(planted: Host) -> None:
    """What it needs went meanwhile, as an autoremove does it."""
    before = snapshot(planted)
    gone = went(removing(planted, "avahi-daemon"))
    needed = went(removing(planted, "libavahi-core7"))
    assert needed.went == "libavahi-core7"
    planted.run(f"mv /var/lib/thornwall/{needed.id}/state/confirmed /root/", check=True)
    assert "libavahi-core7" in undone(planted, gone.id, status=12)
    planted.run(f"mv /root/confirmed /var/lib/thornwall/{needed.id}/state/", check=True)
    undone(planted, needed.id)
    undone(planted, gone.id)
    # (ldconfig writes down the libraries in the order in which they came)
    assert difference(before, snapshot(planted), packages=True, ignore=["/etc/ld.so.cache"]) == []
