"""What was planted is really there, and really gone on the twin: said by the owner's own tools, never by ours."""

import contextlib
import json
import re
import socket
import ssl
import urllib.request
from http.client import HTTPConnection, HTTPSConnection

import pytest

from .host import Host

SILENT_SECONDS = 0.5


def out(host: Host, command: str) -> str:
    """What a command that must succeed writes, inside the host."""
    result = host.run(command)
    assert result.returncode == 0, f"{command}: {result.stderr}"
    return result.stdout


def answers(address: str, port: int) -> bool:
    """Whether a TCP port can be connected to from outside."""
    try:
        with socket.create_connection((address, port), SILENT_SECONDS):
            return True
    except OSError:
        return False


def listeners(host: Host) -> set[tuple[str, int]]:
    """(protocol, port) of every socket that is open to other machines, as ss sees it."""
    found = set()
    for line in out(host, "ss -tulnH").splitlines():
        protocol, _, _, _, local = line.split()[:5]
        address, _, port = local.rpartition(":")
        if not address.startswith("127.") and address != "[::1]":
            found.add((protocol, int(port)))
    return found


def hash_matches(host: Host, account: str, password: str) -> tuple[str, bool]:
    """The hash of an account in shadow, and whether perl's crypt makes it of the password."""
    stored = out(host, f"getent shadow {account}").split(":")[1]
    script = r'chomp(my ($p, $h) = <STDIN>); print crypt($p, $h) eq $h ? "same" : "other"'
    result = host.run(["perl", "-e", script], input=f"{password}\n{stored}\n", check=True)
    return stored, result.stdout == "same"


def sshd_option(host: Host, name: str, user: str = "pi") -> str:
    """The value that sshd itself would use for a login from this machine."""
    text = out(host, f"sshd -T -C user={user},host=,addr={host.controller}")
    return next(line.partition(" ")[2] for line in text.splitlines() if line.startswith(f"{name} "))


def enabled(host: Host, unit: str) -> str:
    """What systemctl says of a unit: enabled, disabled, masked, not-found…"""
    return host.run(["systemctl", "is-enabled", unit]).stdout.strip()


def pending(host: Host) -> list[str]:
    """The 'Inst' lines of a simulated upgrade."""
    return [line for line in out(host, "apt-get -s upgrade").splitlines() if line.startswith("Inst ")]


def journal_boots(host: Host) -> int:
    """How many boots the journal remembers."""
    return len(re.findall(r"\b[0-9a-f]{32}\b", out(host, "journalctl --list-boots --no-pager")))


def journald_settings(host: Host) -> dict[str, str]:
    """The settings of journald, later files winning, out of systemd's own merge."""
    lines = out(host, "systemd-analyze cat-config systemd/journald.conf").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


class TestPlanted:
    """One class a variant: each test is one weakness of the list."""

    def test_the_factory_password_opens_the_account(self, shared_planted: Host) -> None:
        stored, same = hash_matches(shared_planted, "pi", "raspberry")
        assert stored.startswith("$y$")
        assert same
        for ipv6 in (False, True):
            result = shared_planted.login("id -un", methods=["password"], password="raspberry", ipv6=ipv6)
            assert result.stdout == "pi\n", result.stderr

    def test_sudo_asks_for_no_password(self, shared_planted: Host) -> None:
        assert "(ALL) NOPASSWD: ALL" in out(shared_planted, "sudo -l -U pi")
        assert shared_planted.login("sudo -n id -u").stdout == "0\n"

    def test_sshd_takes_passwords_and_root(self, shared_planted: Host) -> None:
        assert sshd_option(shared_planted, "passwordauthentication") == "yes"
        assert sshd_option(shared_planted, "permitrootlogin", "root") == "yes"
        root_password = shared_planted.secrets.root_password
        result = shared_planted.login("id -un", user="root", methods=["password"], password=root_password)
        assert result.stdout == "root\n", result.stderr

    def test_a_second_account_has_an_md5crypt_hash(self, shared_planted: Host) -> None:
        stored, same = hash_matches(shared_planted, "webcam", shared_planted.secrets.webcam_password or "")
        assert stored.startswith("$1$")
        assert same
        assert out(shared_planted, "getent passwd webcam").startswith("webcam:x:1001:1001:")

    def test_there_is_no_firewall(self, shared_planted: Host) -> None:
        assert out(shared_planted, "nft list ruleset") == ""

    def test_services_listen_on_every_interface(self, shared_planted: Host) -> None:
        expected = {("tcp", port) for port in (22, 23, 80, 111, 631)} | {("udp", 111), ("udp", 5353)}
        assert expected <= listeners(shared_planted)
        for port in (22, 23, 80, 111, 631):
            assert answers(shared_planted.address, port), port

    def test_telnet_offers_a_login(self, shared_planted: Host) -> None:
        with socket.create_connection((shared_planted.address, 23), 5) as connection:
            assert connection.recv(64)[:1] == b"\xff"  # IAC, the start of telnet's option talk

    def test_avahi_answers_for_the_name(self, shared_planted: Host) -> None:
        # RFC 6762: a question for raspberrypi.local, type A, that asks for a unicast answer.
        question = bytes(5) + b"\x01" + bytes(6) + b"\x0braspberrypi\x05local\x00\x00\x01\x80\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.5)
            for _ in range(20):  # for its first second or so it makes sure that the name is free, and is silent
                client.sendto(question, (shared_planted.address, 5353))
                with contextlib.suppress(TimeoutError):
                    assert socket.inet_aton(shared_planted.address) in client.recv(512)
                    return
        pytest.fail("avahi does not answer")

    def test_http_goes_without_tls(self, shared_planted: Host) -> None:
        with urllib.request.urlopen(f"http://{shared_planted.address}/", timeout=5) as response:
            assert b"Camera" in response.read()
        assert not answers(shared_planted.address, 443)

    def test_root_cron_runs_a_script_that_anyone_may_write(self, shared_planted: Host) -> None:
        script = "/usr/local/bin/sync-photos.sh"
        assert f"*/15 * * * * root {script}" in out(shared_planted, "cat /etc/cron.d/backup-photos")
        assert out(shared_planted, f"find {script} -perm -0002 -user root") == f"{script}\n"

    def test_a_file_in_etc_is_world_writable(self, shared_planted: Host) -> None:
        assert out(shared_planted, "find /etc -type f -perm -0002") == "/etc/motion.conf\n"

    def test_nothing_updates_by_itself_and_security_updates_wait(self, shared_planted: Host) -> None:
        assert shared_planted.run("dpkg-query --show unattended-upgrades").returncode != 0
        assert any("Debian-Security" in line for line in pending(shared_planted))

    def test_the_journal_is_volatile(self, planted: Host) -> None:
        assert journald_settings(planted)["Storage"] == "volatile"
        planted.reboot()
        assert journal_boots(planted) == 1

    def test_radios_and_serial_console_are_on(self, shared_planted: Host) -> None:
        config = out(shared_planted, "cat /boot/firmware/config.txt")
        assert "disable-bt" not in config
        assert "disable-wifi" not in config
        assert "dtoverlay=vc4-kms-v3d\n" in config
        assert max(map(len, config.splitlines())) <= 98
        cmdline = out(shared_planted, "cat /boot/firmware/cmdline.txt")
        assert cmdline.count("\n") == 1
        assert "console=serial0,115200" in cmdline
        assert "DO NOT EDIT" in out(shared_planted, "cat /boot/config.txt")
        for unit in ("bluetooth.service", "wpa_supplicant.service"):
            assert enabled(shared_planted, unit) == "enabled"
        if shared_planted.release == "bookworm":
            assert enabled(shared_planted, "hciuart.service") == "enabled"

    def test_usb_storage_is_allowed(self, shared_planted: Host) -> None:
        assert "usb_storage" not in out(shared_planted, "modprobe --showconfig").replace("-", "_")

    def test_one_factor_is_enough(self, shared_planted: Host) -> None:
        assert sshd_option(shared_planted, "authenticationmethods") == "any"
        assert shared_planted.login("id -un", methods=["publickey"]).stdout == "pi\n"

    def test_nothing_makes_a_backup(self, shared_planted: Host) -> None:
        tools = "restic borg borgbackup duplicity rsnapshot kopia rclone timeshift"
        assert shared_planted.run(f"for tool in {tools}; do command -v $tool; done").stdout == ""
        assert "backup" not in out(shared_planted, "systemctl list-timers --all --no-legend").replace(
            "dpkg-db-backup", ""
        )

    def test_it_looks_like_raspberry_pi_os(self, shared_planted: Host) -> None:
        assert out(shared_planted, "head -1 /etc/rpi-issue").startswith("Raspberry Pi reference")
        assert "o=Raspberry Pi Foundation" in out(shared_planted, "apt-cache policy")
        groups = out(shared_planted, "id -nG pi").split()
        wanted = "adm dialout cdrom sudo audio video plugdev users input render netdev gpio i2c spi"
        assert set(wanted.split()) <= set(groups)

    def test_every_unit_came_up(self, shared_planted: Host) -> None:
        assert out(shared_planted, "systemctl --failed --no-legend --plain") == ""


class TestHardened:
    """The same list, mended."""

    def test_a_key_and_a_code_open_the_account(self, shared_hardened: Host) -> None:
        for ipv6 in (False, True):
            result = shared_hardened.login("id -un", ipv6=ipv6)
            assert result.stdout == "pi\n", result.stderr

    @pytest.mark.parametrize(
        "methods",
        [["password"], ["keyboard-interactive"], ["publickey"], ["publickey", "password"]],
        ids="+".join,
    )
    def test_less_than_that_is_refused(self, hardened: Host, methods: list[str]) -> None:
        assert hardened.login("true").returncode == 0
        for password in ("raspberry", hardened.password):
            result = hardened.login("id -un", methods=methods, password=password)
            assert (result.returncode, result.stdout) == (255, "")
            assert "Permission denied" in result.stderr

    def test_root_is_refused(self, hardened: Host) -> None:
        assert sshd_option(hardened, "permitrootlogin", "root") == "no"
        assert hardened.login("id -un", user="root").returncode == 255
        assert out(hardened, "passwd --status root").split()[1] == "L"

    def test_passwords_are_strong(self, shared_hardened: Host) -> None:
        for account in ("pi", "webcam"):
            stored, is_factory = hash_matches(shared_hardened, account, "raspberry")
            assert stored.startswith("$y$")
            assert not is_factory
        assert hash_matches(shared_hardened, "pi", shared_hardened.password)[1]

    def test_sudo_asks_every_time(self, shared_hardened: Host) -> None:
        said = out(shared_hardened, "sudo -l -U pi")
        assert "NOPASSWD" not in said
        assert "timestamp_timeout=0" in said
        script = f"printf '%s\\n' '{shared_hardened.sudo_password}' | sudo -S -p '' id -u; sudo -n id -u"
        result = shared_hardened.login(script)
        assert result.stdout == "0\n"
        assert "password is required" in result.stderr

    def test_the_firewall_drops_what_is_not_allowed(self, shared_hardened: Host) -> None:
        status = out(shared_hardened, "ufw status verbose")
        assert "Status: active" in status
        assert "Default: deny (incoming), allow (outgoing)" in status
        assert "Logging: on" in status
        rules = out(shared_hardened, "nft list ruleset")
        assert len(re.findall(r"hook input priority filter; policy drop", rules)) == 2  # IPv4 and IPv6
        # A service that nobody allowed, to see the firewall and not the absence of a listener.
        shared_hardened.run("systemd-run --unit=probe python3 -m http.server --bind :: 8000", check=True)
        shared_hardened.run("until ss -tln | grep -q :8000; do sleep 0.05; done", check=True)
        for address in (shared_hardened.address, shared_hardened.address6):
            assert answers(address, 22)
            assert not answers(address, 8000)

    def test_the_services_are_gone(self, shared_hardened: Host) -> None:
        assert listeners(shared_hardened) <= {("tcp", port) for port in (22, 80, 443, 8000)}
        for port in (23, 111, 631):
            assert not answers(shared_hardened.address, port), port
        for unit in ("avahi-daemon.socket", "cups.path", "cups.socket", "inetd.service", "rpcbind.socket"):
            assert enabled(shared_hardened, unit) in {"not-found", ""}

    def test_http_only_leads_to_https(self, shared_hardened: Host) -> None:
        plain = HTTPConnection(shared_hardened.address, timeout=5)
        plain.request("GET", "/", headers={"Host": "raspberrypi"})
        answer = plain.getresponse()
        assert (answer.status, answer.headers["Location"]) == (301, "https://raspberrypi/")
        plain.close()
        context = ssl.create_default_context(cafile=shared_hardened.root / "etc/ssl/certs/raspberrypi.pem")
        context.check_hostname = False  # it is reached by address here; the certificate itself is verified
        secure = HTTPSConnection(shared_hardened.address, timeout=5, context=context)
        secure.request("GET", "/")
        assert b"Camera" in secure.getresponse().read()
        secure.close()

    def test_nothing_that_root_runs_or_reads_is_world_writable(self, shared_hardened: Host) -> None:
        assert out(shared_hardened, "find /etc /usr/local -perm -0002 ! -type l") == ""
        assert out(shared_hardened, "stat -c '%U %a' /usr/local/bin/sync-photos.sh") == "root 755\n"

    def test_updates_come_by_themselves_and_none_waits(self, shared_hardened: Host) -> None:
        said = out(shared_hardened, "unattended-upgrade --dry-run --verbose")
        assert "label=Debian-Security" in said
        assert "origin=Raspberry Pi Foundation" in said
        for unit in ("apt-daily.timer", "apt-daily-upgrade.timer", "unattended-upgrades.service"):
            assert enabled(shared_hardened, unit) == "enabled"
        assert pending(shared_hardened) == []

    def test_the_journal_survives_a_reboot_within_bounds(self, hardened: Host) -> None:
        settings = journald_settings(hardened)
        assert (settings["Storage"], settings["SystemMaxUse"]) == ("persistent", "100M")
        hardened.reboot()
        assert journal_boots(hardened) == 2
        assert "Status: active" in out(hardened, "ufw status")

    def test_radios_and_serial_console_are_off(self, shared_hardened: Host) -> None:
        config = out(shared_hardened, "cat /boot/firmware/config.txt")
        for overlay in ("dtoverlay=disable-bt", "dtoverlay=disable-wifi"):
            assert config.rindex("[all]") < config.index(overlay)
        assert "serial0" not in out(shared_hardened, "cat /boot/firmware/cmdline.txt")
        for unit in ("bluetooth.service", "hciuart.service", "wpa_supplicant.service"):
            assert enabled(shared_hardened, unit) == "masked"

    def test_usb_storage_cannot_load(self, shared_hardened: Host) -> None:
        known = out(shared_hardened, "modprobe --showconfig").replace("-", "_")
        assert "install usb_storage /bin/false" in known
        assert "blacklist usb_storage" in known

    def test_a_backup_runs_and_can_be_read_back(self, hardened: Host) -> None:
        assert enabled(hardened, "backup.timer") == "enabled"
        assert "backup.timer" in out(hardened, "systemctl list-timers --no-legend")
        restic = "restic --repo /srv/backup --password-file /etc/restic/password --no-cache"
        assert len(json.loads(out(hardened, f"{restic} snapshots --json"))) == 1
        hardened.run("systemctl start backup.service", check=True, timeout=120)
        assert out(hardened, f"{restic} dump latest /etc/hostname") == "raspberrypi\n"

    def test_every_unit_came_up(self, shared_hardened: Host) -> None:
        assert out(shared_hardened, "systemctl --failed --no-legend --plain") == ""


class TestStock:
    """Debian as it comes: none of the plants, and none of the mends."""

    def test_the_owner_logs_in_and_sudo_asks(self, shared_stock: Host) -> None:
        stored, same = hash_matches(shared_stock, "debian", shared_stock.password)
        assert stored.startswith("$y$")
        assert same
        result = shared_stock.login("id -un; sudo -n true", methods=["password"])
        assert result.stdout == "debian\n"
        assert "password is required" in result.stderr
        assert "(ALL : ALL) ALL" in out(shared_stock, "sudo -l -U debian")

    def test_only_ssh_listens(self, shared_stock: Host) -> None:
        assert listeners(shared_stock) == {("tcp", 22)}

    def test_nothing_differs_from_what_debian_ships(self, shared_stock: Host) -> None:
        assert out(shared_stock, "dpkg --verify") == ""
        assert out(shared_stock, "passwd --status root").split()[1] in {"L", "NP"}
        assert pending(shared_stock) == []

    def test_every_unit_came_up(self, shared_stock: Host) -> None:
        assert out(shared_stock, "systemctl --failed --no-legend --plain") == ""


def test_each_is_the_release_it_says(shared_planted: Host, shared_hardened: Host) -> None:
    for host in (shared_planted, shared_hardened):
        assert f"VERSION_CODENAME={host.release}\n" in out(host, "cat /etc/os-release")
        # No overlay: that would be a read-only root system to whoever audits it.
        assert out(host, "findmnt -no FSTYPE /") == "btrfs\n"
