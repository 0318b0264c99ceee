"""Fixes of the SSH rules. What lines mean is by sshd_config(5); what they lead to was tried with `sshd -T`."""

from __future__ import annotations

import pytest

from thornwall.model.change import Activate, EditLine, OwnLine, SetMode
from thornwall.model.plan import Answers
from thornwall.model.rule import Preset
from thornwall.plan import sshd
from thornwall.plan.fixes import ssh
from thornwall.plan.registry import FIXES

from .ways import SSHD, Host

MAIN = "/etc/ssh/sshd_config"
DROP_IN = "/etc/ssh/sshd_config.d/00-thornwall.conf"
OWNER = "/etc/ssh/sshd_config.d/50-owner.conf"


def own(keyword: str, value: str) -> OwnLine:
    return OwnLine(DROP_IN, keyword, f"{keyword} {value}")


_QUICK = [own("ClientAliveCountMax", "2"), own("TCPKeepAlive", "no")]


@pytest.mark.parametrize(
    ("rule", "said", "lines"),
    [
        ("ssh-root-login", "PermitRootLogin yes\nPasswordAuthentication yes\n", [own("PermitRootLogin", "no")]),
        ("ssh-root-key-login", "PermitRootLogin without-password\n", [own("PermitRootLogin", "no")]),
        ("ssh-empty-passwords", "PermitEmptyPasswords yes\n", [own("PermitEmptyPasswords", "no")]),
        ("ssh-permit-user-environment", "PermitUserEnvironment yes\n", [own("PermitUserEnvironment", "no")]),
        ("ssh-host-based-login", "HostbasedAuthentication yes\n", [own("HostbasedAuthentication", "no")]),
        ("ssh-host-based-login", "IgnoreRhosts no\n", [own("IgnoreRhosts", "yes")]),
        ("ssh-strict-modes-off", "StrictModes no\n", [own("StrictModes", "yes")]),
        ("ssh-x11-forwarding", "X11Forwarding yes\n", [own("X11Forwarding", "no")]),
        (
            "ssh-forwarding",
            "",
            [own("DisableForwarding", "yes"), own("AllowTcpForwarding", "no"), own("AllowAgentForwarding", "no")],
        ),
        ("ssh-gateway-ports", "GatewayPorts clientspecified\n", [own("GatewayPorts", "no")]),
        ("ssh-gateway-ports", "PermitTunnel point-to-point\n", [own("PermitTunnel", "no")]),
        ("ssh-max-auth-tries", "MaxAuthTries 20\n", [own("MaxAuthTries", "3")]),
        ("ssh-login-grace-time", "LoginGraceTime 0\n", [own("LoginGraceTime", "60")]),
        ("ssh-login-grace-time", "LoginGraceTime 10m\n", [own("LoginGraceTime", "60")]),
        ("ssh-log-level", "LogLevel QUIET\n", [own("LogLevel", "VERBOSE")]),
        (
            "ssh-idle-sessions",
            "",
            [own("ClientAliveInterval", "300"), own("ClientAliveCountMax", "2"), own("TCPKeepAlive", "no")],
        ),
        (
            "ssh-idle-sessions",
            "ClientAliveCountMax 0\nTCPKeepAlive no\n",
            [own("ClientAliveInterval", "300"), own("ClientAliveCountMax", "2")],
        ),
        ("ssh-idle-sessions", "ClientAliveInterval 60\nTCPKeepAlive yes\n", _QUICK),
        ("ssh-unfinished-logins", "", [own("MaxStartups", "10:30:60")]),
        ("ssh-no-banner", "", [own("Banner", "/etc/issue.net")]),
        ("ssh-use-pam-no", "UsePAM no\n", [own("UsePAM", "yes")]),
        (
            "ssh-use-pam-no",
            "UsePAM no\nKbdInteractiveAuthentication yes\n",
            [own("UsePAM", "yes"), own("KbdInteractiveAuthentication", "no")],
        ),
        ("ssh-no-user-restriction", "", [own("AllowUsers", "pi")]),
        (
            "ssh-weak-ciphers",
            "Ciphers aes128-cbc,aes256-ctr,3des-cbc,aes128-gcm@openssh.com\n",
            [own("Ciphers", "aes256-ctr,aes128-gcm@openssh.com")],
        ),
        (
            "ssh-weak-key-exchange",
            "KexAlgorithms diffie-hellman-group1-sha1,curve25519-sha256,sntrup761x25519-sha512@openssh.com\n",
            [own("KexAlgorithms", "curve25519-sha256,sntrup761x25519-sha512@openssh.com")],
        ),
        (
            "ssh-weak-signatures",
            "PubkeyAcceptedAlgorithms ssh-rsa,ssh-ed25519\n",
            [own("PubkeyAcceptedAlgorithms", "rsa-sha2-512,rsa-sha2-256,ssh-ed25519")],
        ),
        (
            "ssh-weak-signatures",
            "PubkeyAcceptedAlgorithms +ssh-rsa\n",
            [
                own(
                    "PubkeyAcceptedAlgorithms",
                    "-ssh-rsa,ssh-dss,ssh-rsa-cert-v01@openssh.com,ssh-dss-cert-v01@openssh.com",
                )
            ],
        ),
    ],
)
def test_a_setting_goes_into_a_file_that_sorts_first(rule: str, said: str, lines: list[OwnLine]) -> None:
    host = Host({OWNER: said})
    assert host.wants(rule) == tuple(lines)
    host.mended(rule)


def test_of_max_startups_the_last_line_wins() -> None:
    host = Host({OWNER: "MaxStartups 10:30:50\nMaxStartups 10:30:200\n"})
    assert host.wants("ssh-unfinished-logins") == (EditLine(OWNER, 2, "MaxStartups 10:30:200", "MaxStartups 10:30:60"),)
    host.mended("ssh-unfinished-logins")


def test_nothing_is_left_of_a_list_but_the_weak() -> None:
    """Then OpenSSH's own list without them, which names only what that sshd has."""
    host = Host({OWNER: "Ciphers aes128-cbc,aes256-cbc\n"})
    (line,) = host.wants("ssh-weak-ciphers")
    assert isinstance(line, OwnLine)
    assert line.line.startswith("Ciphers -3des-cbc,aes128-cbc,")
    host.mended("ssh-weak-ciphers")


@pytest.mark.parametrize(
    ("version", "first"),
    [
        ("1:10.0p1-7+deb13u1", "mlkem768x25519-sha256,sntrup761x25519-sha512@openssh.com,curve25519-sha256"),
        ("1:9.2p1-2+deb12u3", "sntrup761x25519-sha512@openssh.com,curve25519-sha256"),
    ],
)
def test_methods_that_this_sshd_has_come_first(version: str, first: str) -> None:
    packages = f"openssh-server\t{version}\tamd64\tinstall ok installed\n"
    host = Host({OWNER: "KexAlgorithms curve25519-sha256\n"}, {"packages": packages})
    assert host.wants("ssh-no-post-quantum-key-exchange") == (own("KexAlgorithms", first),)
    host.mended("ssh-no-post-quantum-key-exchange")


def test_an_old_sshd_is_asked_for_nothing_that_it_has_not() -> None:
    packages = "openssh-server\t1:7.9p1-10+deb10u4\tamd64\tinstall ok installed\n"
    host = Host({OWNER: "KexAlgorithms curve25519-sha256\n"}, {"packages": packages})
    assert host.wants("ssh-no-post-quantum-key-exchange") == ()


def test_two_rules_about_one_list_want_the_same_line() -> None:
    said = "KexAlgorithms diffie-hellman-group1-sha1,curve25519-sha256\n"
    host = Host({OWNER: said}, {"packages": "openssh-server\t1:10.0p1-7\tamd64\tinstall ok installed\n"})
    assert host.wants("ssh-weak-key-exchange") == host.wants("ssh-no-post-quantum-key-exchange")


def test_a_server_without_another_key_keeps_its_host_key_algorithms() -> None:
    keys: dict[str, str | None] = {
        "/etc/ssh/ssh_host_dsa_key": "",
        "/etc/ssh/ssh_host_dsa_key.pub": "ssh-dss AAAAB3NzaC1kc3M= root@host\n",
    }
    assert Host(keys | {OWNER: "HostKeyAlgorithms ssh-dss\n"}).wants("ssh-weak-signatures") == ()


def test_passwords_go_by_both_ways() -> None:
    host = Host({OWNER: "PasswordAuthentication yes\n", MAIN: SSHD.replace("KbdInteractiveAuthentication no", "")})
    assert host.wants("ssh-password-login") == (
        own("PasswordAuthentication", "no"),
        own("KbdInteractiveAuthentication", "no"),
    )
    then = host.mended("ssh-password-login")
    assert "ssh-keyboard-interactive-password" not in {each.rule for each in then.findings()}


def test_a_second_factor_keeps_its_conversation() -> None:
    files: dict[str, str | None] = {
        OWNER: "PasswordAuthentication yes\n",
        MAIN: SSHD.replace("KbdInteractiveAuthentication no", "KbdInteractiveAuthentication yes"),
        "/etc/pam.d/sshd": "auth required pam_google_authenticator.so\n@include common-auth\n",
        "/etc/pam.d/common-auth": "auth required pam_unix.so\n",
    }
    assert Host(files).wants("ssh-password-login") == (own("PasswordAuthentication", "no"),)


def test_use_pam_stays_unless_the_owner_asks_for_what_the_guide_says() -> None:
    host = Host({OWNER: "PasswordAuthentication yes\n"}, preset=Preset.DOCUMENTS)
    assert host.wants("ssh-password-login") == (own("PasswordAuthentication", "no"),)
    asked = Host(host.files, preset=Preset.DOCUMENTS, answers=Answers(accepts=frozenset({"use-pam-no"})))
    assert asked.wants("ssh-password-login") == (own("PasswordAuthentication", "no"), own("UsePAM", "no"))


def test_where_an_earlier_line_wins_that_line_is_edited() -> None:
    """A drop-in that sorts before ours, and a line above the Include."""
    first = "/etc/ssh/sshd_config.d/00-a.conf"
    host = Host({first: "# mine\nPermitRootLogin   yes # for now\n"})
    assert host.wants("ssh-root-login") == (
        EditLine(first, 2, "PermitRootLogin   yes # for now", "PermitRootLogin no"),
    )
    host.mended("ssh-root-login")
    above = Host({MAIN: f"X11Forwarding yes\n{SSHD}"})
    assert above.wants("ssh-x11-forwarding") == (EditLine(MAIN, 1, "X11Forwarding yes", "X11Forwarding no"),)
    above.mended("ssh-x11-forwarding")


def test_what_may_not_be_edited_is_left_to_a_person() -> None:
    first = "/etc/ssh/sshd_config.d/00-a.conf"
    assert Host({first: "PermitRootLogin yes\n"}, hidden=frozenset({first})).wants("ssh-root-login") == ()
    options: dict[str, str | None] = {"/etc/default/ssh": "SSHD_OPTS=-oX11Forwarding=yes\n"}
    assert Host(options).wants("ssh-x11-forwarding") == ()


def test_a_file_that_includes_nothing_includes_ours() -> None:
    plain = "# old\nPermitRootLogin yes\nUsePAM yes\n"
    host = Host({MAIN: plain, OWNER: "X11Forwarding yes\n"})
    assert host.wants("ssh-root-login") == (
        EditLine(MAIN, 1, "# old", f"Include {DROP_IN}\n# old"),
        own("PermitRootLogin", "no"),
    )
    host.mended("ssh-root-login")


def test_an_include_within_a_match_block_is_none() -> None:
    text = "# old\nPermitRootLogin yes\nMatch User pi\n    Include /etc/ssh/sshd_config.d/*.conf\n"
    host = Host({MAIN: text})
    assert host.wants("ssh-root-login")[0] == EditLine(MAIN, 1, "# old", f"Include {DROP_IN}\n# old")
    host.mended("ssh-root-login")


def test_match_blocks_are_edited_in_their_place() -> None:
    text = f"{SSHD}Match Address 192.0.2.0/24\n    X11Forwarding yes\n    PasswordAuthentication yes\n"
    host = Host({MAIN: text, OWNER: "PasswordAuthentication no\n"})
    assert host.wants("ssh-password-login") == (
        EditLine(MAIN, 12, "    PasswordAuthentication yes", "    PasswordAuthentication no"),
    )
    host.mended("ssh-password-login")
    in_general = Host({MAIN: text})
    assert in_general.wants("ssh-password-login") == (
        own("PasswordAuthentication", "no"),
        EditLine(MAIN, 12, "    PasswordAuthentication yes", "    PasswordAuthentication no"),
    )
    in_general.mended("ssh-password-login")


def test_a_block_that_is_open_by_its_methods_gets_a_line_of_its_own() -> None:
    text = f"{SSHD}AuthenticationMethods publickey\nMatch User pi\n    AuthenticationMethods any\n"
    host = Host({MAIN: text})
    assert host.wants("ssh-password-login", "Match User pi") == (
        EditLine(
            MAIN, 12, "    AuthenticationMethods any", "    AuthenticationMethods any\n    PasswordAuthentication no"
        ),
    )
    host.mended("ssh-password-login")


def test_a_stricter_line_that_lost_is_put_first() -> None:
    files: dict[str, str | None] = {
        OWNER: "PasswordAuthentication yes\nPermitRootLogin yes\n",
        "/etc/ssh/sshd_config.d/99-hardening.conf": "PasswordAuthentication no\nPermitRootLogin prohibit-password\n",
    }
    host = Host(files)
    assert host.wants("ssh-drop-in-loses", "PasswordAuthentication") == (own("PasswordAuthentication", "no"),)
    # root's login is refused by the same plan: two rules, one line
    assert host.wants("ssh-drop-in-loses", "PermitRootLogin") == host.wants("ssh-root-login")
    host.mended("ssh-drop-in-loses")


def test_everybody_who_gets_in_today_is_named() -> None:
    passwd = "root:x:0:0::/root:/bin/bash\npi:x:1000:1000::/home/pi:/bin/bash\nguest:x:1001:1001::/home/guest:/bin/sh\n"
    shadow = "root:yescrypt:20700::::::\npi:locked:20700::::::\nguest:locked:20700::::::\n"
    host = Host({"/etc/passwd": passwd, "/etc/shadow": shadow})
    assert host.wants("ssh-no-user-restriction") == (own("AllowUsers", "pi root"),)


def test_only_root_reads_the_servers_keys() -> None:
    key = "/etc/ssh/ssh_host_ed25519_key"
    host = Host({key: "", f"{key}.pub": "ssh-ed25519 AAAA root@host\n"}, modes={key: (0o644, "root")})
    assert host.wants("ssh-host-key-permissions") == (SetMode(key, 0o600, user="root", group="root"),)
    host.mended("ssh-host-key-permissions")


@pytest.mark.parametrize("active", ["active running", "inactive dead"])
def test_the_server_reads_its_files_again_where_it_runs(active: str) -> None:
    """A reload of a unit that does not run fails; sshd by ssh.socket reads its files for each connection."""
    units = f"ssh.service loaded {active} OpenBSD Secure Shell server\n"
    runs = active.startswith("active")
    assert sshd.activate(Host(commands={"units": units}).situation()) == ((Activate("ssh.service"),) if runs else ())


def test_every_fix_is_of_one_step_but_the_keys() -> None:
    assert {each.step for each in ssh.FIXES} == {"ssh-settings", "ssh-host-keys"}
    assert all(FIXES[each.rule] is each for each in ssh.FIXES)


def test_a_server_that_systemd_listens_for_starts_anew() -> None:
    """Seen on Debian 13: a reload ends it, 'fatal: Cannot bind any address.'"""
    units = "ssh.service loaded active running OpenBSD Secure Shell server\nssh.socket loaded active running Socket\n"
    assert sshd.activate(Host(commands={"units": units}).situation()) == (Activate("ssh.service", "restart"),)
