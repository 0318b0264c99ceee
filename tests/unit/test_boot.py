"""config.txt for boards, first-boot files under real awks, and parsers on anything."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thornwall.facts.boot import SEED, parse
from thornwall.facts.boot_config import config_lines
from thornwall.model.boot import ConfigTxt
from thornwall.model.capture import Capture, FileRecord, Manifest
from thornwall.model.fact import Known

PI3 = "Raspberry Pi 3 Model B Plus Rev 1.3"
PI4 = "Raspberry Pi 4 Model B Rev 1.4"
PI5 = "Raspberry Pi 5 Model B Rev 1.0"
PI400 = "Raspberry Pi 400 Rev 1.0"
CM4 = "Raspberry Pi Compute Module 4 Rev 1.0"
CM5 = "Raspberry Pi Compute Module 5 Rev 1.0"
ZERO = "Raspberry Pi Zero Rev 1.3"
ZERO_W = "Raspberry Pi Zero W Rev 1.1"
ZERO2 = "Raspberry Pi Zero 2 W Rev 1.0"
BOARDS = (PI3, PI4, PI5, PI400, CM4, CM5, ZERO, ZERO_W, ZERO2)
AWKS = [name for name in ("mawk", "gawk", "busybox") if shutil.which(name)]


def config(text: str, model: str = PI4, **included: str) -> ConfigTxt:
    files = {f"{name}.txt": body for name, body in included.items()}
    return ConfigTxt("/boot/config.txt", tuple(config_lines("/boot/config.txt", text, model, files)))


# which boards a filter is for: the table 'Model filters' of Raspberry Pi's documentation of config.txt
@pytest.mark.parametrize(
    ("name", "boards"),
    [
        ("pi3", {PI3}),
        ("pi3+", {PI3}),
        ("pi4", {PI4, PI400, CM4}),
        ("pi5", {PI5, CM5}),
        ("pi400", {PI400}),
        ("cm4", {CM4}),
        ("cm4s", set[str]()),
        ("cm5", {CM5}),
        ("pi0", {ZERO, ZERO_W}),
        ("pi0w", {ZERO_W}),
        ("pi02", {ZERO2}),
        ("all", set(BOARDS)),
        ("none", set[str]()),
    ],
)
def test_sections(name: str, boards: set[str]) -> None:
    applies = {board for board in BOARDS if config(f"[{name}]\nenable_uart=1\n", board).setting("enable_uart")}
    assert applies == boards


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("enable_uart=0\nenable_uart=1\n", "1"),
        ("enable_uart=1\n[pi5]\nenable_uart=0\n", "1"),
        ("[pi5]\n[pi4]\nenable_uart=1\n", "1"),  # of one kind the last counts
        ("[none]\n[pi4]\nenable_uart=1\n", None),  # kinds add up
        ("[none]\n[all]\nenable_uart=1\n", "1"),
        ("#enable_uart=1\n", None),
        ("enable_uart=1 # why\n", "1"),
        (" enable_uart = 1 \n", "1"),
        ("x=" + "y" * 200 + "\nenable_uart=1\n", "1"),
        ("x=1" + " " * 95 + "\nenable_uart=1\n", "1"),
        (" " * 98 + "enable_uart=1\n", None),
        ("include more.txt\n", "7"),
        ("[pi5]\ninclude more.txt\n", None),
        ("include other.txt\n", None),
        ("include loop.txt\nenable_uart=2\n", "2"),
    ],
)
def test_settings(text: str, value: str | None) -> None:
    found = config(text, more="enable_uart=7\n", loop="include loop.txt\n").setting("enable_uart")
    assert (found.value if found else None) == value


def test_what_may_apply_is_not_what_applies() -> None:
    unknown = config("[pi4]\ndtoverlay=disable-bt\n", "").overlay("disable-bt")
    assert unknown is not None
    assert unknown.applies is None
    both = config("[pi4]\ndtoverlay=disable-bt\n[all]\ndtoverlay=disable-bt,x=1\n", "").overlay("disable-bt")
    assert both is not None
    assert (both.applies, both.line) == (True, 4)
    assert config("dtoverlay=disable-btx\ndtparam=disable-bt\n").overlay("disable-bt") is None


SEEDS = {
    "userconf.txt": ("pi:$6$s3cret$s3cret\n", ["password"]),
    "user-data": (
        (
            "#cloud-config\n# password: s3cret\nhostname: pi\nusers:\n- name: pi\n  lock_passwd: false\n"
            "  passwd: $6$s3cret$x\n  sudo: ALL=(ALL) NOPASSWD:ALL\nssh_pwauth: true\nchpasswd: { expire: false }\n"
        ),
        ["", "", "", "", "", "", "password", "nopasswd", "", ""],
    ),
    "network-config": (
        'wifis:\n  wlan0:\n    access-points:\n      "s3cret":\n        password: "s3cret"\n',
        [""] * 4 + ["wifi key"],
    ),
    "firstrun.sh": (
        (
            "#!/bin/bash\nFIRSTUSER=`getent passwd 1000`\n/usr/lib/userconf-pi/userconf 'pi' '$5$s3cret'\n"
            "echo \"$FIRSTUSER:\"'$5$s3cret' | chpasswd -e\nimager_custom set_wlan 's3cret' 's3cret' 'DE'\n"
            "\tpsk=s3cret\nsystemctl enable ssh\n"
        ),
        ["", "", "password", "password", "wifi key", "wifi key", ""],
    ),
    "custom.toml": (
        '[user]\nname="s3cret"\npassword = "$6$s3cret"\npassword_encrypted = true\n[ssh]\n',
        ["", "", "password", "", ""],
    ),
    "wpa_supplicant.conf": ('network={\nssid="s3cret"\npsk="s3cret"\n#psk="s3cret"\n}\n', ["", "", "wifi key", "", ""]),
    "ssh": ("s3cret\n", [""]),
}


@pytest.mark.parametrize("name", SEEDS)
@pytest.mark.parametrize("awk", AWKS)
def test_of_a_seed_only_the_sort_of_secret_is_sent(awk: str, name: str, tmp_path: Path) -> None:
    text, expected = SEEDS[name]
    (tmp_path / name).write_text(text)
    program = f"function r(s, l, w) {{ {SEED.awk} }}\n{{ print r($0) }}"
    command = [awk, *(["awk"] if awk == "busybox" else []), program, str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"LC_ALL": "C"})
    assert not done.stderr
    assert done.stdout.split("\n")[:-1] == expected
    assert "s3cret" not in done.stdout


NAMES = ("config.txt", "cmdline.txt", "usercfg.txt", "userconf.txt", "user-data", "ssh")
PATHS = st.sampled_from(
    [f"{folder}/{name}" for folder in ("/boot", "/boot/firmware") for name in NAMES]
    + [
        "/etc/lightdm/lightdm.conf",
        "/etc/gdm3/daemon.conf",
        "/etc/sddm.conf",
        "/proc/device-tree/model",
        "/proc/cmdline",
    ]
)
LINES = st.lists(
    st.sampled_from(
        ["[pi4]", "[", "]", "[]", "[all]", "a=b", "=", "include usercfg.txt", "include ", "password", "[Seat:*]"]
    )
    | st.text(max_size=20),
    max_size=8,
).map(lambda lines: "\n".join(lines).encode())


@given(st.dictionaries(PATHS, LINES | st.binary(max_size=120)))
def test_anything_is_taken(files: dict[str, bytes]) -> None:
    records = {path: FileRecord(path, content=content) for path, content in files.items()}
    for source in ("ssh", "directory"):
        capture = Capture(Manifest("t", source, 0, reads=tuple(files)), records)
        assert isinstance(parse(capture), Known)
