"""Wi-Fi files under real awks and after them, paired devices, and parsers on anything."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thornwall.facts.radios import BLUETOOTH, parse
from thornwall.facts.radios_networks import WIFI, networks
from thornwall.model.capture import Capture, FileRecord, Manifest
from thornwall.model.fact import Known
from thornwall.model.probe import Redaction
from thornwall.model.radios import Security

AWKS = [name for name in ("mawk", "gawk", "busybox") if shutil.which(name)]

WPA = """ctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev
country=DE
network={
    ssid="s3cret"
    psk="s3cret"
}
network={
  ssid="s3cret"
  key_mgmt=NONE
}
\tnetwork = {
\twep_key0="s3cret"
\tkey_mgmt=NONE
  #psk="s3cret"
\tidentity="s3cret"
\tpassword=hash:s3cret
}
network={
 psk=s3cret
 proto=WPA
}
network={
 key_mgmt=WPA-EAP
 password="s3cret"
}
network={
 key_mgmt=SAE
 sae_password="s3cret"
}
network={
 key_mgmt=NONE
 disabled=1
}
"""
NETPLAN = """network:
  version: 2
  wifis:
    wlan0:
      dhcp4: true
      access-points:
        "s3cret":
          password: "s3cret"
        "s3cret two": {}
        s3cret:
          auth:
            key-management: sae
            password: 's3cret: x'
        "s3cret four":
          mode: ap
          password: s3cret
      nameservers:
        addresses: [192.0.2.1]
  ethernets:
    eth0:
      access-points: {}
"""
MANAGER = """[connection]
id=s3cret
uuid=s3cret
type=wifi

[wifi]
mode=infrastructure
ssid=s3cret

[wifi-security]
key-mgmt=wpa-psk
psk=s3cret

[802-1x]
identity=s3cret
password=s3cret
"""
HOSTAPD = """interface=wlan0
ssid=s3cret
wpa=2
wpa_passphrase=s3cret
wpa_key_mgmt=WPA-PSK
"""
# file, text, and the networks by line and protection, as wpa_supplicant.conf(5), nm-settings(5), netplan(5) say it
FILES: dict[str, tuple[str, list[tuple[int, Security, bool]]]] = {
    "/etc/wpa_supplicant/wpa_supplicant.conf": (
        WPA,
        [
            (3, Security.WPA2, False),
            (9, Security.OPEN, False),
            (13, Security.WEP, False),
            (20, Security.WPA1, False),
            (23, Security.ENTERPRISE, False),
            (27, Security.WPA3, False),
        ],
    ),
    "/etc/netplan/50-cloud-init.yaml": (
        NETPLAN,
        [(7, Security.WPA2, False), (9, Security.OPEN, False), (12, Security.WPA3, False), (14, Security.WPA2, True)],
    ),
    "/etc/NetworkManager/system-connections/x.nmconnection": (MANAGER, [(11, Security.WPA2, False)]),
    "/etc/hostapd/hostapd.conf": (HOSTAPD, [(3, Security.WPA2, True)]),
}


def cleanse(awk: str, redaction: Redaction, text: str, path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    program = f"function r(s, l, w) {{ {redaction.awk} }}\n{{ print r($0) }}"
    command = [awk, *(["awk"] if awk == "busybox" else []), program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"LC_ALL": "C"})
    assert not done.stderr
    return done.stdout


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("awk", AWKS)
def test_networks_without_their_secrets(awk: str, path: str, tmp_path: Path) -> None:
    text, expected = FILES[path]
    sent = cleanse(awk, WIFI, text, tmp_path / path.lstrip("/"))
    assert "s3cret" not in sent
    assert sent.count("\n") == text.count("\n")
    assert [(each.line, each.security, each.access_point) for each in networks(path, sent)] == expected


@pytest.mark.parametrize("awk", AWKS)
def test_paired_devices_keep_their_keys(awk: str, tmp_path: Path) -> None:
    text = "[General]\nName=s3cret\nClass=0x002540\nTrusted=true\n\n[LinkKey]\nKey=s3cret\n[LongTermKey]\nKey=s3cret\n"
    sent = cleanse(awk, BLUETOOTH, text, tmp_path / "info")
    assert sent.split() == ["Class=0x002540", "Trusted=true"]
    path = "/var/lib/bluetooth/B8:27:EB:00:00:01/DC:A6:32:00:00:02/info"
    records = {path: FileRecord(path, content=sent.encode())}
    fact = parse(Capture(Manifest("t", "ssh", 0, reads=("/var/lib/bluetooth/*/*/info",)), records))
    assert isinstance(fact, Known)
    assert fact.value.input_devices == Known(("keyboard",))  # Bluetooth's class of device: peripheral, keyboard


LINES = st.lists(
    st.sampled_from(
        [
            "network={",
            "}",
            "key_mgmt=NONE",
            "[wifi]",
            "[connection]",
            "type=wifi",
            "access-points:",
            "  <name>:",
            "    <name>: {}",
        ]
    )
    | st.text(max_size=20),
    max_size=10,
).map("\n".join)


@given(st.sampled_from([*FILES, "/var/lib/iwd/x.open"]), LINES)
def test_any_lines_are_taken(path: str, text: str) -> None:
    assert all(network.path == path for network in networks(path, text))


PATHS = st.sampled_from(
    [
        *FILES,
        "/sys/class/net/wlan0/phy80211/name",
        "/sys/class/rfkill/rfkill0/name",
        "/sys/class/rfkill/rfkill0/soft",
        "/sys/class/bluetooth/hci0",
        "/var/lib/bluetooth/a/b/info",
        "/var/lib/NetworkManager/NetworkManager.state",
        "/run/systemd/container",
    ]
)


@given(st.dictionaries(PATHS, st.binary(max_size=80)))
def test_anything_is_taken(files: dict[str, bytes]) -> None:
    records = {path: FileRecord(path, content=content) for path, content in files.items()}
    assert isinstance(parse(Capture(Manifest("t", "ssh", 0, reads=("/*",)), records)), Known)


def test_a_dongle_is_told_by_the_bus_that_it_hangs_on() -> None:
    """The links of /sys/class/net as an emulated machine and a Raspberry Pi have them."""
    records = {
        f"/sys/class/net/{name}": FileRecord(f"/sys/class/net/{name}", "link", target=f"../../devices/{bus}/net/{name}")
        for name, bus in (
            ("wlan0", "platform/soc/fe300000.mmcnr/mmc_host/mmc1/mmc1:0001/mmc1:0001:1"),
            ("wlan1", "pci0000:00/0000:00:04.0/usb1/1-3/1-3:1.0"),
        )
    }
    for name in ("wlan0", "wlan1"):
        path = f"/sys/class/net/{name}/phy80211/name"
        records[path] = FileRecord(path, content=b"phy0\n")
    radios = parse(Capture(Manifest("t", "ssh", 0, reads=("/sys/class/net/*/phy80211/name",)), records))
    assert isinstance(radios, Known)
    assert isinstance(radios.value.adapters, Known)
    assert [(each.name, each.usb) for each in radios.value.adapters.value] == [("wlan0", False), ("wlan1", True)]
