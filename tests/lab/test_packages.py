"""Packages at hand: a host without a network installs, upgrades, and had nothing of it before."""

import re

import pytest

from .host import Host, start

APT = "DEBIAN_FRONTEND=noninteractive apt-get --yes"


def installed(host: Host) -> set[str]:
    return set(
        host.run("dpkg-query --show --showformat '${Package} ${db:Status-Status}\\n'", check=True).stdout.splitlines()
    )


@pytest.mark.parametrize("release", ["trixie", "bookworm"])
def test_install_and_upgrade_need_no_network(release: str) -> None:
    with start(release, "planted") as without:
        bare = installed(without)
        assert without.run(f"{APT} install ufw", timeout=120).returncode != 0
    with start(release, "planted", packages=True) as host:
        assert installed(host) == bare
        # What such a host is asked for, with and without what apt recommends.
        host.run(
            f"{APT} --no-install-recommends install ufw unattended-upgrades libpam-pwquality", check=True, timeout=300
        )
        host.run(
            f"{APT} install libpam-google-authenticator fail2ban restic mosquitto-clients", check=True, timeout=300
        )
        assert {"ufw installed", "restic installed", "libpam-pwquality installed"} <= installed(host)
        assert "deny (incoming)" in host.run("ufw --force enable && ufw status verbose", check=True).stdout
        waiting = re.findall(r"^Inst (\S+)", host.run("apt-get -s full-upgrade", check=True).stdout, re.MULTILINE)
        assert waiting  # which ones, the archive alone decides: a point release takes some away
        assert {f"{name} installed" for name in waiting} & bare, waiting
        host.run(f"{APT} full-upgrade", check=True, timeout=600)
        assert "Inst" not in host.run("apt-get -s full-upgrade", check=True).stdout


@pytest.mark.parametrize("variant", ["planted", "stock"])
def test_every_package_of_the_list_can_be_had(release: str, variant: str) -> None:
    names = "auditd apparmor-utils chrony etckeeper firewalld needrestart nginx rsyslog usbguard"
    with start(release, variant, packages=True) as host:
        for recommends in ("true", "false"):
            said = host.run(
                f"{APT} -o APT::Install-Recommends={recommends} --print-uris -qq install {names}", check=True
            )
            assert said.stdout == ""  # nothing is left to fetch
