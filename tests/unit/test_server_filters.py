"""What the configuration of servers and units may tell: under every awk, no secret passes and no line is lost."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from thornwall.facts.servers_config import NODE_RED, SETTINGS
from thornwall.facts.services import UNIT
from thornwall.model.probe import Redaction

AWKS = [name for name in ("mawk", "gawk", "busybox") if shutil.which(name)]

SECRETS = {
    UNIT: """[Service]
Environment=API=hunter2-a
Environment="ONE=hunter2-b" \\
    "TWO=hunter2-c" \\
    hunter2-d
EnvironmentFile=/etc/default/door
SetCredential=token:hunter2-e
  Environment = X=hunter2-f
ExecStart=/usr/bin/curl -u me:hunter2-g https://example.org
ExecStart=/usr/bin/app --password hunter2-h
ExecStart=/usr/bin/app https://me:hunter2-i@example.org/
User=pi
""",
    SETTINGS: """requirepass hunter2-a
masterauth hunter2-b
user alice on >hunter2-c ~* +@all
# password hunter2-d
bind 127.0.0.1 # hunter2-e
stream_authentication me:hunter2-f
webcontrol_authentication me:hunter2-g
rocommunity hunter2-h default
rwcommunity hunter2-i
createUser me SHA hunter2-j AES hunter2-k
com2sec readonly default hunter2-l
password = hunter2-m
  password: "hunter2-n"
pwhash = "hunter2-o"
WEBPASSWORD=hunter2-p
hunter2-q
netcam_url http://me:hunter2-r@camera/
bind_address tcp://me:hunter2-s@host
# @admin_password hunter2-t
ldap admin dn = hunter2-u
rocommunity public default
listener 1883
[photos]
pwhash = ""
WEBPASSWORD=
guest ok = yes
  bindIp: 0.0.0.0
-l 127.0.0.1
password_file /etc/mosquitto/passwd
""",
    NODE_RED: """module.exports = {
  adminAuth: { type: "credentials", users: [{ username: "admin", password: "hunter2-a" }] },
  //adminAuth: { hunter2-b
  /* hunter2-c
  credentialSecret: "hunter2-d",
  hunter2-e */
  httpNodeAuth: {user:"user",pass:"hunter2-f"},
  uiPort: process.env.PORT || 1880,
  uiHost: "127.0.0.1",
  https: { key: "hunter2-g" },
};
""",
}
KEPT = {
    UNIT: ["[Service]", "EnvironmentFile=/etc/default/door", "User=pi"],
    SETTINGS: [
        "bind 127.0.0.1",
        "rocommunity public default",
        "listener 1883",
        "[photos]",
        'pwhash = ""',
        "guest ok = yes",
        "  bindIp: 0.0.0.0",
        "-l 127.0.0.1",
        "password_file /etc/mosquitto/passwd",
        "requirepass <redacted>",
        "rwcommunity <redacted>",
    ],
    NODE_RED: ["adminAuth:", "//adminAuth:", "/*", "*/", "httpNodeAuth:", 'uiHost: "127.0.0.1",'],
}


def cleanse(awk: str, filter_: Redaction, text: str) -> list[str]:
    program = f"function cleanse(s, l, w, t) {{ {filter_.awk} }}\n{{ print cleanse($0) }}"
    command = [awk, "awk", program] if awk == "busybox" else [awk, program]
    said = subprocess.run(command, input=text, check=True, capture_output=True, text=True, env={"LC_ALL": "C"})
    assert not said.stderr
    return said.stdout.splitlines()


@pytest.mark.parametrize("filter_", SECRETS, ids=lambda filter_: filter_.name)
@pytest.mark.parametrize("awk", AWKS)
def test_no_secret_passes(awk: str, filter_: Redaction) -> None:
    lines = cleanse(awk, filter_, SECRETS[filter_])
    assert len(lines) == len(SECRETS[filter_].splitlines())
    assert not [line for line in lines if "hunter2" in line]
    assert [line for line in KEPT[filter_] if line not in lines] == []


@pytest.mark.parametrize("awk", AWKS)
def test_an_environment_ends_where_its_lines_end(awk: str) -> None:
    lines = cleanse(awk, UNIT, "Environment=A=1 \\\n B=2\nExecStart=/bin/true\n")
    assert lines == ["Environment=<redacted>", "<redacted>", "ExecStart=/bin/true"]
