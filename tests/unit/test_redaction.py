"""No secret leaves the device: hostile lines through the real filters under every awk. SECRET is what must not pass."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.awk import AWKS, redact
from thornwall.facts.apt_sources import SOURCES
from thornwall.facts.firewall import IPTABLES
from thornwall.facts.firewall import PROBES as FIREWALL
from thornwall.facts.pam import PAM
from thornwall.facts.redact import TEXT
from thornwall.facts.redact_commands import CRON, SCRIPT
from thornwall.facts.servers_config import NODE_RED, SETTINGS
from thornwall.facts.servers_redact import APACHE, CADDY, HBA, LIGHTTPD, NGINX
from thornwall.facts.services import UNIT
from thornwall.facts.sudo import SUDOERS
from thornwall.model.probe import Redaction, Run

S = "Hunter2SECRETx"

COMMANDS = [
    f"curl -fsS https://hc-ping.com/{S}",
    f"curl -u me:{S} https://x",
    f"curl -ume:{S} https://x",
    f"curl --user me:{S} https://x",
    f"curl -H 'X-Api-Key: {S}' https://x",
    f'curl -H "Authorization: Basic {S}" https://x',
    f'wget "https://x/update?a=b&auth={S}&t=1"',
    f"mysqldump -uroot -p{S} db",
    f"/usr/bin/mysql -h x -p {S} db",
    f"sshpass -p {S} ssh x",
    f"mosquitto_pub -u u -P {S} -t x",
    f"mount -t cifs //h/x /m -o user=a,pass={S}",
    f"smbclient //h/x -U me%{S}",
    f"smbclient //me:{S}@h/x",
    f"openssl enc -k {S} -pass pass:{S}",
    f"zip -P {S} x",
    f"7z a -p{S} x",
    f"echo {S} | sudo -S ls",
    f"curl https://api.telegram.org/bot123456:{S}/sendMessage",
    f'PASS="a {S}" run',
    f"X={S} Y='{S}' Z=\"{S}\" run",
    f"export KEY={S}; run",
    f"sh -c 'export TOKEN={S}; run --pin {S}'",
    f"rsync /home me:{S}@h:/x",
    f"lftp -u me,{S} h",
    f"snmpget -v3 -A {S} -X {S} -c {S} h",
    f"tool --auth-key={S} --authkey {S} --x={S} {S}",
    f"psql postgres://u:{S}@h/x",
    f"gpg --batch --passphrase /{S} -c x",
    f"expect -c 'send \"{S}\\r\"'",
    f"x <(echo {S}) ${{V:-{S}}} $({S})",
    f"x # {S}",
]


def _of(filter_: Redaction, lines: list[str], path: str = "./etc/x") -> list[tuple[Redaction, list[str], str]]:
    return [(filter_, [line], path) for line in lines]


HOSTILE = [
    *_of(CRON, [f"1 * * * * root {line}" for line in COMMANDS], "./etc/cron.d/x"),
    *_of(CRON, [f"@daily {line}" for line in COMMANDS], "./var/spool/cron/crontabs/pi"),
    *_of(CRON, [f"DB_PASS={S}", f"SLACK=https://h/{S}", f"MAILTO={S}", f"# {S}", S, f"root:{S}:1:2:3:::", f"x {S} y"]),
    *_of(UNIT, [f"ExecStart=-/usr/bin/env {line}" for line in COMMANDS]),
    *_of(
        UNIT,
        [
            f"Environment=A={S}",
            f' Environment = "A={S}"',
            f"SetCredential=x:{S}",
            f"StandardInputText={S}",
            f"StandardInputData={S}",
            f"X-Note={S}",
            f"# {S}",
        ],
    ),
    (UNIT, ["Environment=A=b \\", f"  B={S} \\", f"  # {S}", f"  C={S}"], "./etc/x"),
    (UNIT, ["ExecStart=/usr/bin/x \\", "  --password \\", f"  {S} \\", f"; {S}", f"  -P {S}"], "./etc/x"),
    *_of(SCRIPT, [f"rsync -a /home h: ; {line}" for line in COMMANDS]),
    *_of(SCRIPT, [f"export RESTIC_PASSWORD={S}", f"PW={S}", S, f"wpa_passphrase net {S}", f"# tar {S}"]),
    *_of(
        TEXT,
        [
            f"# {S}",
            f"deb https://{S}@h/debian stable main",
            f"deb https://me:p@{S}@h/debian stable main",
            f'Acquire::https::x::Password "{S}";',
            f"//h/s /m cifs user=u,pass={S} 0 0",
            f"//h/s /m cifs user=u%{S} 0 0",
            f"SetEnv A={S}",
            f"ForceCommand /bin/x --pin {S}",
            f"hmac_key={S}",
            f'action(type="x" pwd="{S}")',
            f":ommysql:h,db,u,{S}",
            f'template(string="[{S}@41058 tag]")',
            f"/srv *(rw) # {S}",
            f'"awslogs-key": "{S}"',
            f"options x key={S}",
            f"net.ipv6.conf.all.stable_secret = {S}",
            f"AGE-SECRET-KEY-1{S}",
            f"old ghp_{S}",
            f"b3BlbnNzaC1rZXktdjEAAAAABG5vbmU{S}",
        ],
    ),
    (TEXT, ["-----BEGIN PRIVATE KEY----- ", S, "-----END PRIVATE KEY-----"], "./etc/x"),
    (TEXT, ["-----begin rsa private key-----", S], "./etc/x"),
    (TEXT, ["---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----", S, "---- END SSH2 ENCRYPTED PRIVATE KEY ----"], "./etc/x"),
    (TEXT, ["PuTTY-User-Key-File-3: ssh-ed25519", "Private-Lines: 1", S, f"Private-MAC: {S}"], "./etc/x"),
    (TEXT, ["-----BEGIN PGP PRIVATE KEY BLOCK-----", S, "-----END PGP PRIVATE KEY BLOCK-----"], "./etc/x"),
    *_of(
        SUDOERS,
        [
            f"pi ALL=/usr/bin/mysql -p{S}, /usr/bin/mysql -u root -p{S} x",
            f"pi ALL=/usr/bin/curl -u me\\:{S} https\\://x.y",
            f"pi ALL=/usr/bin/sshpass -p {S} ssh",
            f'pi ALL=/usr/bin/curl -H "Authorization\\: Bearer {S}" x',
            f"pi ALL=/usr/bin/x https\\://h/?api_key\\={S}",
            f"pi ALL=/usr/bin/sh -c 'DB_PASSWORD\\={S} run'",
            f"# password is {S}",
        ],
    ),
    *_of(
        PAM,
        [
            f"auth required pam_radius.so [secret=a b {S}]",
            f"auth required pam_exec.so quiet /usr/bin/x -p {S} --key={S}",
            f"auth required pam_url.so pin={S} api_key={S}",
            f'auth required pam_pgsql.so connect="pw={S}"',
            f"# {S}",
        ],
    ),
    *_of(
        NGINX,
        [
            f'server {{ listen 80; proxy_set_header Authorization "Basic {S}"; }}',
            f"proxy_pass http://u:{S}@back/;",
            f'if ($http_x_key != "{S}") {{ return 403; }}',
            f'set $tok "{S}";',
            f"location /hook/{S} {{ }}",
            f'return 200 "{S}";',
            f"return 301 https://h/{S};",
            f"fastcgi_param DB_PASSWORD {S}; # {S}",
            f"map $x $y {{ {S} 1; '{S}' 1; }}",
        ],
    ),
    (NGINX, ["proxy_set_header X 'a", f"{S} ; listen", f"{S}';"], "./etc/x"),
    (NGINX, ["proxy_set_header X", f"   {S}", ";"], "./etc/x"),
    *_of(
        APACHE,
        [
            f"SetEnv DB_PASSWORD {S}",
            f"  AuthLDAPBindPassword {S}",
            f"ProxyPass / http://u:{S}@b/",
            f'<Location "/{S}">',
            f"Redirect / https://h/{S}",
            f"Define X {S}",
        ],
    ),
    *_of(LIGHTTPD, [f'setenv.add-environment = ( "T" => "{S}" )', f'auth.backend.ldap.bind-pw = "{S}"', f"# {S}"]),
    (CADDY, ["h {", "basic_auth {", f"  bob $2a$14${S}", "}", f"tls {{ dns cloudflare {S} }}", "}"], "./etc/x"),
    (CADDY, ["(snippet) {", f"handle /{S} {{", "}", "}", f"# {S}", f"import {S}"], "./etc/x"),
    *_of(HBA, [f'host all all 0.0.0.0/0 ldap ldapbindpasswd="{S}"', f"host a b c radius radiussecrets={S}", S]),
    *_of(IPTABLES, [f'-A INPUT -m string --string "{S}" --algo bm -j ACCEPT', f"-A INPUT --comment {S} -j ACCEPT"]),
    *_of(
        SOURCES,
        [
            f"deb https://me:{S}@apt.example/debian trixie main",
            f"deb [arch=arm64] https://me:pa'ss{S}@apt.example/debian trixie main",
            f"URIs: https://{S}:@apt.example/ https://{S}@apt.example/x",
            f"deb https://apt.example/priv/4f9a{S}81c0/debian trixie main",
            f"deb https://apt.example/x-4f9a81c04f9a{S}/debian trixie main",
            f"URIs: http://a.example/debian https://apt.example/debian?key={S}",
        ],
    ),
    *_of(IPTABLES, [f'-A INPUT -j LOG --log-prefix "{S} x: "', f"-A INPUT -j NFLOG --nflog-prefix {S}"]),
    *_of(SETTINGS, [f"address u:{S}@broker.x", f"path = //u:{S}@h/", f"database_password {S}", f"user x >{S}"]),
    *_of(NODE_RED, [f'requireHttps: true, secret: "{S}",', f'credentialSecret: "{S}",', f"https: {{ key: '{S}' }},"]),
]


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
@pytest.mark.parametrize(("filter_", "lines", "path"), HOSTILE, ids=lambda _: "")
def test_no_secret_leaves_the_device(awk: list[str], filter_: Redaction, lines: list[str], path: str) -> None:
    sent = redact(awk, filter_, lines, path)
    assert len(sent) == len(lines), "line numbers stay true"
    assert "Hunter2" not in "\n".join(sent)


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
@pytest.mark.parametrize(
    ("filter_", "line", "path"),
    [
        (CRON, line, "./etc/crontab")
        for line in (
            "17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly",
            "25 6 * * * root test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }",
            "*/5 0-8,20 * * mon-fri pi nice -n 10 /home/pi/x.sh >/dev/null 2>&1",
            "@reboot root cd /opt/x && ./run.sh && restic backup /home",
            "0 3 * * * root tar -czf /mnt/x.tar.gz /home /etc",
            "0 3 * * * root rsync -aHAXx --delete /home me@nas.local:/srv/x",
            "0 3 * * * root dd if=/dev/mmcblk0 of=/mnt/pi.img bs=4M",
            '0 3 * * * root bash -c "$(curl -fsSL https://x.example)"',
            "0 3 * * * root flock -n /run/lock/x /usr/local/bin/x",
            "PATH=/usr/local/bin:/usr/bin:~/bin",
            "",
        )
    ]
    + [
        (UNIT, line, "./etc/systemd/system/x.service")
        for line in (
            "[Service]",
            "ExecStart=-/sbin/agetty -o '-p -- \\\\u' --autologin pi --noclear %I $TERM",
            "ExecStart=/usr/bin/python3 /opt/x/run.py",
            "ExecStart=/bin/sh -c 'iptables-restore < /etc/iptables.rules'",
            "User=pi",
            "OnCalendar=*-*-* 6,18:00",
            "ListenStream=0.0.0.0:23",
        )
    ]
    + [
        (TEXT, line, "./etc/x")
        for line in (
            "PasswordAuthentication yes",
            "AuthorizedKeysFile .ssh/authorized_keys",
            "HostKey=/etc/ssh/ssh_host_ed25519_key",
            "UUID=0a3407de-014b-458b-b5c1-848e92a327a3 / ext4 defaults,noatime 0 1",
            "deb [signed-by=/usr/share/keyrings/x.gpg] http://deb.debian.example/debian trixie main",
            "[all]",
        )
    ],
    ids=lambda _: "",
)
def test_what_is_judged_passes_as_it_is(awk: list[str], filter_: Redaction, line: str, path: str) -> None:
    assert redact(awk, filter_, [line], path) == [line]


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
def test_web_servers_keep_their_shape(awk: list[str]) -> None:
    site = [
        "server {",
        "  listen 80 default_server;",
        "  location / {",
        "    return 301 https://$host$request_uri;",
        "}}",
    ]
    assert redact(awk, NGINX, site)[0:2] == ["server {", " listen 80 default_server;"]
    assert redact(awk, NGINX, site)[2:] == [" location / {", " return 301 https://x;", "}}"]
    host = ["<VirtualHost *:80>", "Redirect / https://h/x", "SetEnv A b", "</VirtualHost>"]
    assert redact(awk, APACHE, host) == ["<VirtualHost *:80>", "Redirect / https://x", "#", "</VirtualHost>"]
    assert redact(awk, CADDY, ["http://a.b, :8080 {", "  redir https://h{uri}", "  x {", "}", "}"]) == [
        *("http://a.b, :8080 {", "redir https://x", "{", "}", "}"),
    ]


# As nft 1.0.6 and iptables-save 1.8.9 wrote it of rules that were made with these comments.
NFT_SAYS = (
    r'{"nftables": [{"chain": {"family": "inet", "table": "t", "name": "c", "handle": 1, "policy": "accept"}}, '
    r'{"set": {"family": "inet", "name": "s", "table": "t", "type": "ipv4_addr", "handle": 4, '
    rf'"elem": [{{"elem": {{"val": "1.2.3.4", "comment": "{S} e"}}}}]}}}}, '
    rf'{{"rule": {{"chain": "c", "handle": 2, "comment": "{S} ć \\ x", "expr": [{{"accept": null}}]}}}}, '
    rf'{{"rule": {{"chain": "c", "handle": 3, "expr": [{{"log": {{"prefix": "{S} p: "}}}}, {{"drop": null}}]}}}}]}}'
)
IPTABLES_SAYS = rf"""*filter
:INPUT ACCEPT [0:0]
-A INPUT -p tcp -m tcp --dport 80 -m comment --comment "{S} it's \"q\" ć" -j ACCEPT
-A INPUT -m comment --comment {S} -j LOG --log-prefix "{S}: "
-A INPUT -m string --string {S} --algo bm -j DROP
-A INPUT -p udp -m comment --comment "a {S}" -j NFLOG --nflog-prefix {S}
COMMIT
"""
SHELLS = [command for command in (["dash"], ["bash"], ["busybox", "sh"]) if shutil.which(command[0])]


def _live(shell: list[str], folder: Path, name: str, says: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """The probe of that name where the programs in `folder` answer."""
    answer = folder / "answer"
    answer.write_text(says)
    for program in ("nft", "iptables-save", "ip6tables-save"):
        (folder / program).write_text(f"#!/bin/sh\ncat {answer}\nexit {status}\n")
        (folder / program).chmod(0o755)
    line = next(probe.line for probe in FIREWALL if isinstance(probe, Run) and probe.name == name)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "LC_ALL": "C"}
    return subprocess.run([*shell, "-c", line], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize(("name", "says"), [("nft", NFT_SAYS), ("iptables", IPTABLES_SAYS)])
def test_what_people_wrote_to_live_rules_stays(shell: list[str], name: str, says: str, tmp_path: Path) -> None:
    done = _live(shell, tmp_path, name, says)
    assert (done.returncode, done.stderr) == (0, "")
    assert S not in done.stdout
    assert done.stdout.count("<redacted>") == (3 if name == "nft" else 2 * 6)
    if name == "nft":
        told = json.loads(says.replace(f"{S} ć \\\\ x", "<redacted>").replace(f"{S} e", "<redacted>"))
        told["nftables"][-1]["rule"]["expr"][0]["log"]["prefix"] = "<redacted>"
        assert json.loads(done.stdout) == told
    else:
        assert '-A INPUT -m string --string "<redacted>" --algo bm -j DROP\n' in done.stdout
        assert '-m comment --comment "<redacted>" -j LOG --log-prefix "<redacted>"\n' in done.stdout


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize("name", ["nft", "iptables"])
def test_live_rules_that_could_not_be_asked_are_not_taken_for_none(shell: list[str], name: str, tmp_path: Path) -> None:
    assert _live(shell, tmp_path, name, "", status=1).returncode == 1


ADDRESSES = [
    "deb [signed-by=/etc/apt/keyring2024abcdefgh.gpg] http://archive.raspberrypi.com/debian/ trixie main",
    "deb http://snapshot.debian.org/archive/debian/20240101T000000Z/ bookworm main",
    "deb https://ppa.launchpadcontent.net/deadsnakes-team/ppa2/ubuntu noble main",
    "deb https://d1a2b3c4d5e6f7g8h9.cloudfront.example/node_20.x nodistro main",
    "URIs: https://deb.debian.org/debian https://security.debian.org/debian-security",
]


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
def test_addresses_of_archives_pass(awk: list[str]) -> None:
    assert redact(awk, SOURCES, ADDRESSES) == ADDRESSES


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
def test_a_token_in_an_address_leaves_the_rest_of_it(awk: list[str]) -> None:
    lines = ["deb https://me:x@a.example/priv/0123abcd4567ef89/deb/ trixie main", "URIs: https://a.example/x"]
    lines.append("deb https://a.example/0a1b2c3d-1111-2222-3333-444455556666/deb trixie main")
    assert redact(awk, SOURCES, lines) == [
        "deb https://<redacted>@a.example/priv/<redacted>/deb/ trixie main",
        "URIs: https://a.example/x",
        "deb https://a.example/<redacted>/deb trixie main",
    ]
