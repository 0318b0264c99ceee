"""Packages that came go again, whatever was in the way: each case was once told as done, or could never be done."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from thornwall.apply.events import Refused

from . import faults
from .compare import difference, snapshot
from .host import Host
from .random_faults import home_of
from .test_taking_back import bringing, brought, stocked

__all__ = ["stocked"]
CAME = "distro-info-data"  # no service, no script, needs nothing


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home_of(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))


def undo(host: Host, id_: str, status: int = 0) -> str:
    done = host.run(f"cd /var/lib/thornwall/{id_} && sh undo.sh", timeout=300)
    assert done.returncode == status, done
    return done.stdout


def state(host: Host, name: str) -> str:
    """As dpkg has it: `ii`, `rc`…; empty where it knows nothing of it."""
    return host.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}", name]).stdout.strip()


def stub(host: Host, name: str, text: str) -> None:
    """A program in the way of one of the same name."""
    host.run(f"cat >/usr/sbin/{name} && chmod 755 /usr/sbin/{name}", input=f"#!/bin/sh\n{text}\n", check=True)


def test_a_list_that_is_cut_short_is_none(stocked: Host) -> None:
    before = snapshot(stocked)
    stub(stocked, "dpkg-query", '/usr/bin/dpkg-query "$@" | head -n 5; exit 2')
    (said,) = bringing(stocked, CAME)
    assert isinstance(said, Refused)
    stocked.run("rm /usr/sbin/dpkg-query", check=True)
    assert difference(before, snapshot(stocked), ignore=["/usr/sbin"]) == []
    came = brought(stocked, CAME)
    stub(stocked, "dpkg-query", "exit 2")
    assert "dpkg-query" in undo(stocked, came.id, status=12)
    stocked.run("rm /usr/sbin/dpkg-query", check=True)
    undo(stocked, came.id)
    assert state(stocked, CAME) == ""


def test_what_did_not_go_to_its_end_goes_the_next_time(stocked: Host) -> None:
    came = brought(stocked, CAME)
    postrm = f"/var/lib/dpkg/info/{CAME}.postrm"
    stocked.run(f"printf '#!/bin/sh\\ntest -e /root/may-go\\n' >{postrm}; chmod 755 {postrm}", check=True)
    assert CAME in undo(stocked, came.id, status=12)
    assert state(stocked, CAME) != ""
    stocked.run("touch /root/may-go", check=True)
    undo(stocked, came.id)
    assert state(stocked, CAME) == ""
    assert stocked.run("dpkg --audit", check=True).stdout == ""


def deb(host: Host, name: str, *, needs: str = "", postinst: str = "true") -> str:
    """A package of somebody's own, at the path that comes back."""
    needed = f"Depends: {needs}\n" if needs else ""
    control = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: x\n{needed}Description: x\n"
    folder = f"/root/{name}"
    host.run(f"mkdir -p {folder}/DEBIAN && cat >{folder}/DEBIAN/control", input=control, check=True)
    host.run(f"cat >{folder}/DEBIAN/postinst", input=f"#!/bin/sh\n{postinst}\n", check=True)
    host.run(f"chmod 755 {folder}/DEBIAN/postinst && dpkg-deb --build {folder} {folder}.deb", check=True)
    return f"{folder}.deb"


def was_there_before(host: Host, id_: str, name: str) -> None:
    """In an older version, which needed nothing."""
    record = f"./var/lib/thornwall/{id_}"
    resealed = f"sed -i '/before$/d' {record}/sums && sha256sum {record}/before >>{record}/sums"
    host.run(f"cd / && echo '{name} 0' >>{record}/before && {resealed}", check=True)


@pytest.mark.parametrize("needed", [False, True])
def test_settings_of_somebody_from_before_stay(stocked: Host, needed: bool) -> None:
    conf, apt = "/etc/needrestart/needrestart.conf", "apt-get -y --no-install-recommends"
    stocked.run(
        f"{apt} install needrestart && echo '# mine' >>{conf} && apt-get -y remove needrestart", timeout=120, check=True
    )
    came = brought(stocked, "needrestart")
    assert state(stocked, "needrestart") == "ii"
    if needed:
        stocked.run(f"dpkg -i {deb(stocked, 'needer', needs='needrestart')}", check=True)
        was_there_before(stocked, came.id, "needer")
    said = undo(stocked, came.id)
    assert ("needrestart, which is needed" in said) == needed
    assert state(stocked, "needrestart") == ("ii" if needed else "rc")
    assert stocked.run(f"tail -n 1 {conf}").stdout == "# mine\n"
    assert stocked.run("dpkg --audit", check=True).stdout == ""


@pytest.mark.parametrize("since", ["an upgrade", "somebody"])
def test_what_something_needs_by_now(stocked: Host, since: str) -> None:
    came = brought(stocked, CAME, "debsums")
    stocked.run(f"dpkg -i {deb(stocked, 'needer', needs=CAME)}", check=True)
    if since == "an upgrade":
        was_there_before(stocked, came.id, "needer")
        assert f"{CAME}, which is needed" in undo(stocked, came.id)
        assert state(stocked, CAME) == "ii"
    else:
        assert "needer" in undo(stocked, came.id, status=12)
        stocked.run("dpkg --purge needer", check=True)
        undo(stocked, came.id)
        assert state(stocked, CAME) == ""
    assert state(stocked, "debsums") == ""
    assert stocked.run("dpkg --audit", check=True).stdout == ""


def test_what_was_half_there_before_stays(stocked: Host) -> None:
    path = deb(stocked, "owned", postinst="test -e /root/may-come")
    assert stocked.run(f"dpkg -i {path}").returncode != 0
    assert state(stocked, "owned") == "iF"
    stocked.run("touch /root/may-come", check=True)
    came = brought(stocked, CAME)  # and apt brings the other to its end
    assert state(stocked, "owned") == "ii"
    undo(stocked, came.id)
    assert (state(stocked, "owned"), state(stocked, CAME)) == ("ii", "")


def test_what_came_half_goes_whole(stocked: Host) -> None:
    path = deb(stocked, "bad", postinst="false")
    stub(
        stocked, "apt-get", f'case "$*" in *" install "*) dpkg -i {path}; exit 100 ;; esac; exec /usr/bin/apt-get "$@"'
    )
    came = brought(stocked, "bad")
    assert came.came == "bad"
    undo(stocked, came.id)
    assert state(stocked, "bad") == ""
    assert stocked.run("dpkg --audit", check=True).stdout == ""


def test_a_power_cut_between_a_package_and_what_it_needs(stocked: Host) -> None:
    """What dpkg alone brings to no end."""
    path = deb(stocked, "torn", needs="missing-for-ever")
    unpacked = f"dpkg --unpack {path}; exec sleep 300"
    stub(stocked, "apt-get", f'case "$*" in *"recommends bad"*) {unpacked} ;; esac; exec /usr/bin/apt-get "$@"')
    with ThreadPoolExecutor() as pool:
        work = pool.submit(brought, stocked, "bad")
        assert faults.wait_until(lambda: state(stocked, "torn") == "iU", 60)
        stocked.run("systemctl kill -s KILL thornwall-packages-0001.service", check=True)
        assert work.result().came == "torn"
    assert stocked.run("ls /usr/sbin/policy-rc.d").returncode != 0
    undo(stocked, "0001")
    assert state(stocked, "torn") == ""
    assert stocked.run("dpkg --audit", check=True).stdout == ""


def test_somebody_else_is_installing(stocked: Host) -> None:
    came = brought(stocked, CAME)
    with ThreadPoolExecutor() as pool, faults.dpkg_locked(stocked):
        undone = pool.submit(undo, stocked, came.id)
        assert faults.wait_until(
            lambda: "TAKING_BACK" in stocked.run(f"cat /var/lib/thornwall/{came.id}/journal").stdout, 60
        )
        with pytest.raises(TimeoutError):
            undone.result(timeout=4)
    undone.result()
    assert state(stocked, CAME) == ""


def test_no_service_starts_with_its_package(stocked: Host) -> None:
    """Where nothing may be run from /run, as behind the initramfs of Debian."""
    stocked.run("mount -o remount,noexec /run", check=True)
    came = brought(stocked, "unattended-upgrades")
    assert "unattended-upgrades" in came.came.split()
    assert stocked.run("systemctl is-active unattended-upgrades.service").stdout == "inactive\n"
    assert stocked.run("ls /usr/sbin/policy-rc.d").returncode != 0


def test_what_would_shut_out_waits_for_its_settings(stocked: Host) -> None:
    """USBGuard is enabled by its package, with a list of its own: nothing of it runs where no transaction follows."""
    before = snapshot(stocked)
    came = brought(stocked, "usbguard", off=("usbguard.service", "usbguard-dbus.service"))
    assert "usbguard" in came.came.split()
    assert stocked.run("systemctl is-enabled usbguard.service").stdout == "disabled\n"
    stocked.reboot()
    assert stocked.run("systemctl is-active usbguard.service").stdout == "inactive\n"
    undo(stocked, came.id)
    assert state(stocked, "usbguard") == ""
    left = [each for each in difference(before, snapshot(stocked)) if ": mtime " not in each]
    assert [each for each in left if not each.startswith("/etc/usbguard")] == []  # (its scripts make that anew)


def test_a_change_that_is_over_is_told_again(stocked: Host) -> None:
    """Whoever asks again may never have heard what stays."""
    came = brought(stocked, CAME)
    stocked.run(f"echo libfoo >/var/lib/thornwall/{came.id}/upgraded", check=True)
    first = undo(stocked, came.id)
    assert "Left as it is: the upgrades of libfoo" in first
    assert undo(stocked, came.id) == first
