"""Hosts on which something else has a hand in the same things: hardened, seen to be so from outside, and taken back.

Each case has a host of its own; they run side by side.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from .compare import difference, snapshot
from .hardening import NEW, WITHOUT_PACKAGES, Desk
from .host import Host, start
from .settings import RELEASES
from .thornwall import Done

AT_ONCE = 3  # cases
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes install"
WITH_FIREWALL = ("--only", "no-firewall", "--only", "ssh", "--only", "sudo", "--only", "accounts")


class DeskOverIPv6(Desk):
    """Somebody who reaches the host by its IPv6 address."""

    @property
    def where(self) -> str:
        """The host, as he types it."""
        return f"{self.host.user}@[{self.host.address6}]"


@dataclass(frozen=True)
class Beside:
    """`before` makes the host what it is; `harden` what the owner wants of it; `desk` how he reaches it.

    `meanwhile` happens outside. `then` looks, by the thing's own tool, at what became of it on the hardened host: what
    it prints ends with `expected`. `own`: what the thing itself writes.
    """

    before: str
    harden: tuple[str, ...] = WITHOUT_PACKAGES
    desk: type[Desk] = Desk
    meanwhile: Callable[[Desk], None] = lambda _: None
    then: str = ":"
    expected: str = ""
    restarts: bool = False
    own: tuple[str, ...] = ()
    releases: tuple[str, ...] = RELEASES


FAIL2BAN = f"""
{INSTALL} fail2ban
printf '%s\\n' '[sshd]' 'enabled = true' 'backend = systemd' 'mode = aggressive' 'maxretry = 1' \\
    >/etc/fail2ban/jail.d/owner.local
systemctl restart fail2ban
until fail2ban-client status sshd; do sleep 0.2; done
"""
ETCKEEPER = f"""
{INSTALL} etckeeper
git -C /etc config user.email owner@example.invalid
git -C /etc config user.name Owner
! etckeeper unclean || etckeeper commit 'as it was'
"""
CLOUD_INIT = f"""
{INSTALL} cloud-init
mkdir -p /var/lib/cloud/seed/nocloud
cd /var/lib/cloud/seed/nocloud
echo 'instance-id: card-1' >meta-data
printf '%s\\n' '#cloud-config' 'ssh_deletekeys: false' 'ssh_pwauth: true' \\
    'users: [{{name: pi, sudo: "ALL=(ALL) NOPASSWD:ALL", lock_passwd: false}}]' >user-data
echo 'datasource_list: [NoCloud]' >/etc/cloud/cloud.cfg.d/99-seed.cfg
"""
FAILLOCK = """
sed -i -e '1i auth required pam_faillock.so preauth deny=2 unlock_time=0' \\
    -e 's/success=1\\(.*pam_unix.*\\)/success=2\\1/' \\
    -e '/pam_unix/a auth [default=die] pam_faillock.so authfail deny=2 unlock_time=0' /etc/pam.d/common-auth
echo 'account required pam_faillock.so' >>/etc/pam.d/common-account
"""
NO_IPV6 = """
printf 'net.ipv6.conf.%s.disable_ipv6 = 1\\n' all default >/etc/sysctl.d/90-no-ipv6.conf
sysctl --quiet --load /etc/sysctl.d/90-no-ipv6.conf
"""
KEYS_BY_COMMAND = r"""
install -m 644 /home/pi/.ssh/authorized_keys /etc/ssh/pi.keys
rm /home/pi/.ssh/authorized_keys
printf '%s\n' '#!/bin/sh' 'cat "/etc/ssh/$1.keys"' >/usr/local/bin/keys-of
chmod 755 /usr/local/bin/keys-of
printf '%s\n' 'AuthorizedKeysCommand /usr/local/bin/keys-of %u' 'AuthorizedKeysCommandUser nobody' \
    >/etc/ssh/sshd_config.d/10-keys.conf
systemctl reload ssh
"""


def others_fail(desk: Desk) -> None:
    """Somebody behind the same address tries keys once the change is made: sshd refuses it for a while then."""
    desk.wait_for(desk.applied, 120)
    with ThreadPoolExecutor(8) as threads:
        for _ in range(8):
            threads.submit(desk.host.login, "true", user="root", methods=["publickey"])


CASES: Mapping[str, Beside] = {
    "fail2ban bans who fails once": Beside(
        FAIL2BAN,
        then="fail2ban-client get sshd banip; fail2ban-client status sshd | grep -c 'Total banned:.*0$'",
        expected="1\n",
        own=("/var/lib/fail2ban",),
    ),
    "etckeeper commits": Beside(
        ETCKEEPER,
        harden=WITH_FIREWALL,
        then="git -C /etc fsck --no-progress && git -C /etc log --format=%s | grep -c 'made by .apt'",
        expected="1\n",
        own=("/etc/.git", "/etc/.etckeeper"),
    ),
    "cloud-init set it up": Beside(
        CLOUD_INIT,
        restarts=True,
        then="cloud-init status --wait; sshd -T | grep ^passwordauthentication; sudo -l -U pi | grep -c NOPASSWD",
        expected="passwordauthentication no\n0\n",
        own=("/var/lib/cloud", "/run/cloud-init"),
        releases=("trixie",),  # Raspberry Pi OS sets cards up by it from trixie on
    ),
    "faillock counts": Beside(FAILLOCK, then="faillock --user pi | grep -c ' V$'", expected="0\n"),
    "IPv6 alone": Beside("ip -4 addr flush dev eth0", harden=WITH_FIREWALL, desk=DeskOverIPv6),
    "no IPv6": Beside(
        NO_IPV6,
        harden=WITH_FIREWALL,
        then="sysctl -n net.ipv6.conf.all.disable_ipv6 net.ipv6.conf.eth0.disable_ipv6",
        expected="1\n1\n",
    ),
    "systemd listens for sshd": Beside(
        "systemctl disable --now ssh.service && systemctl enable --now ssh.socket",
        harden=WITH_FIREWALL,
        then="systemctl is-active ssh.socket; ufw status | grep -c '^22/tcp .*ALLOW'",
        expected="active\n2\n",
    ),
    "keys come from a command": Beside(
        KEYS_BY_COMMAND,
        then="sshd -T | grep -e ^authorizedkeyscommand' ' -e ^passwordauthentication",
        expected="passwordauthentication no\nauthorizedkeyscommand /usr/local/bin/keys-of %u\n",
        releases=("trixie",),
    ),
    "sshd's penalties": Beside(
        ":",
        meanwhile=others_fail,
        then="journalctl -q -u ssh -o cat --grep penalty | grep ^drop | sed -n '$s/ .*//p'",
        expected="drop\n",
        releases=("trixie",),  # OpenSSH 9.2 has none
    ),
}


@dataclass(frozen=True)
class Ended:
    """What the owner was told, what he sees afterwards, what the thing's own tool told, and what undo left."""

    done: Done
    seen: Mapping[str, bool]
    told: str
    undone: int
    left: list[str]


def looked_at(host: Host, *, ipv6: bool) -> dict[str, bool]:
    """As somebody sees it who gets in with a key, and then at what sudo wants."""
    sudo = f"echo {NEW['pi']} | sudo -S -p '' id -un"
    return {
        "a key logs in": host.login("id -un", ipv6=ipv6).stdout == "pi\n",
        "sudo asks": host.login("sudo -n true", ipv6=ipv6).returncode == 1,
        "sudo takes the password": host.login(sudo, ipv6=ipv6).stdout == "root\n",
    }


def play(case: Beside, release: str, folder: Path) -> Ended:
    with start(release, "planted", packages=True) as host:
        host.run(case.before, timeout=300, check=True)
        if case.restarts:
            host.reboot()
            host.run("cloud-init status --wait", timeout=120)
        desk = case.desk(host, folder)
        host.login("true", ipv6=case.desk is DeskOverIPv6)  # (systemd starts sshd for the first who comes)
        before = snapshot(host)
        with ThreadPoolExecutor(1) as aside:
            aside.submit(case.meanwhile, desk)
            done = desk.harden(*case.harden)
        if case.restarts:
            host.reboot()
        told = host.run(case.then, timeout=120).stdout
        seen = looked_at(host, ipv6=case.desk is DeskOverIPv6)
        if case.restarts:
            desk.wait_for(desk.back, 60)  # the guard of the boot has looked, and is gone
        undone = desk.undo().code
        while undone == 0 and any(change.endswith("confirmed") for change in desk.changes()):
            undone = desk.undo().code
        return Ended(done, seen, told, undone, difference(before, snapshot(host), packages=True, ignore=case.own))


@pytest.fixture(scope="module")
def played(release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Future[Ended]]]:
    with ThreadPoolExecutor(AT_ONCE) as hosts:
        yield {
            name: hosts.submit(play, case, release, tmp_path_factory.mktemp("home"))
            for name, case in CASES.items()
            if release in case.releases
        }


@pytest.mark.parametrize("name", CASES)
def test_hardened_and_taken_back(played: Mapping[str, Future[Ended]], name: str) -> None:
    if name not in played:
        pytest.skip("this release has nothing of the kind")
    ended = played[name].result()
    print(ended.done.stdout, ended.done.stderr)
    assert ended.done.code == 0
    assert [what for what, holds in ended.seen.items() if not holds] == []
    assert ended.told.endswith(CASES[name].expected), ended.told
    assert ended.undone == 0
    assert ended.left == []
    if name == "fail2ban bans who fails once":
        words = "fail2ban runs there, which would shut this computer out for logins that fail"
        assert words in " ".join(ended.done.stdout.split())
        assert "0 of" not in ended.done.stdout
