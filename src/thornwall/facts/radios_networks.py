"""Wi-Fi networks: what protects the air, from wpa_supplicant, NetworkManager, netplan, iwd and hostapd."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.model.probe import Redaction
from thornwall.model.radios import Security, WifiNetwork

WIFI = Redaction(
    "wifi",
    r"""
    # names of networks, keys and identities stay; only how the air is protected is sent
    if (s ~ /^[ \t]*(#|;|$)/) return ""
    if (s ~ /^[ \t]*network[ \t]*=[ \t]*\{[ \t]*$/ || s ~ /^[ \t]*\}[ \t]*$/) return s
    if (s ~ /^\[(connection|wifi|wifi-security|802-11-wireless|802-11-wireless-security|802-1x|Security|Settings)\][ \t]*$/)
        return s
    if (s ~ /^[ \t]*(wifis|access-points|auth|networkmanager|wpa|ethernets):[ \t]*$/) return s
    l = tolower(s)
    if (match(l, /^[ \t"\047-]*(psk|wpa_psk|wpa_passphrase|wpa-psk|passphrase|presharedkey|password|sae_password|wep_key[0-3]|wep-key[0-3]|private_key_passwd|private-key-password|client-key-password|pin|key)"?[ \t]*[=:]/))
        return substr(s, 1, RLENGTH) "<redacted>"
    if (l ~ /^[ \t-]*(key_mgmt|key-mgmt|key-management|proto|pairwise|group|auth_alg|auth-alg|auth_algs|mode|type|disabled|autoconnect|ieee80211w|pmf|wpa|wpa_key_mgmt|wpa_pairwise|rsn_pairwise|wps_state|method|wep_tx_keyidx|wep_default_key)[ \t]*[=:][ \t]*["\047]?[a-z0-9 ;,_-]*["\047]?[ \t]*$/)
        return s
    if (l ~ /^[ \t]+["\047]?[^:]*["\047]?:[ \t]*(\{\})?[ \t]*$/) {
        match(s, /^[ \t]+/)
        return substr(s, 1, RLENGTH) "<name>:" ((l ~ /\{\}/) ? " {}" : "")
    }
    return ""
""",  # noqa: E501
    strict=True,
)
"""Only lines that say how a network is protected, and that there is a key; never a name or a key."""

_PAIR = re.compile(r"[\s-]*([A-Za-z0-9_-]+)\s*[=:]\s*(.*?)\s*$")


def networks(path: str, text: str) -> Iterator[WifiNetwork]:
    """The networks of one file."""
    if path.startswith("/etc/wpa_supplicant/"):
        yield from _wpa_supplicant(path, text)
    elif "/NetworkManager/" in path:
        yield from _network_manager(path, text)
    elif path.endswith(".yaml"):
        yield from _netplan(path, text)
    elif "hostapd" in path:
        yield from _hostapd(path, text)
    elif path.endswith(".open"):
        yield WifiNetwork(path, 1, Security.OPEN)


def _pairs(text: str) -> Iterator[tuple[int, str, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if match := _PAIR.fullmatch(line):
            yield number, match[1].lower(), match[2].strip("\"'"), line.strip()


def _wpa_supplicant(path: str, text: str) -> Iterator[WifiNetwork]:
    begun, block = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if line.replace(" ", "").replace("\t", "") == "network={":
            begun, block = number, []
        elif line.strip() == "}" and begun:
            settings = {key: (value, begun + index, said) for index, key, value, said in _pairs("\n".join(block))}
            if settings.get("disabled", ("0",))[0] != "1":
                yield _client(path, begun, settings)
            begun = 0
        elif begun:
            block.append(line)


def _client(path: str, begun: int, settings: dict[str, tuple[str, int, str]]) -> WifiNetwork:
    management = settings.get("key_mgmt", ("WPA-PSK WPA-EAP", begun, ""))
    words = set(management[0].upper().replace(",", " ").split())
    if words & {"NONE"}:
        wep = next((settings[key] for key in settings if key.startswith("wep_key")), None)
        return WifiNetwork(path, management[1], Security.WEP if wep else Security.OPEN, management[2])
    proto = settings.get("proto", ("", begun, ""))
    pairwise = settings.get("pairwise", ("", begun, ""))
    if set(proto[0].upper().split()) == {"WPA"}:
        return WifiNetwork(path, proto[1], Security.WPA1, proto[2])
    if set(pairwise[0].upper().split()) == {"TKIP"}:
        return WifiNetwork(path, pairwise[1], Security.WPA1, pairwise[2])
    return WifiNetwork(path, management[1], _modern(words), management[2])


def _modern(words: set[str]) -> Security:
    if any("EAP" in word or word == "IEEE8021X" for word in words) and not any("PSK" in word for word in words):
        return Security.ENTERPRISE
    return Security.WPA3 if words and all("SAE" in word or word == "OWE" for word in words) else Security.WPA2


def _network_manager(path: str, text: str) -> Iterator[WifiNetwork]:
    section, values, sections = "", dict[str, tuple[str, int, str]](), dict[str, int]()
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("["):
            section = line.strip().strip("[]").replace("802-11-wireless", "wifi")
            sections[section] = number
        elif match := _PAIR.fullmatch(line):
            values[f"{section}/{match[1].lower()}"] = (match[2], number, line.strip())
    if values.get("connection/type", ("",))[0] not in {"wifi", "802-11-wireless"}:
        return
    if values.get("connection/autoconnect", ("",))[0] == "false":
        return
    offered = values.get("wifi/mode", ("",))[0] == "ap"
    management = values.get("wifi-security/key-mgmt")
    if management is None:
        yield WifiNetwork(path, sections.get("wifi", 1), Security.OPEN, "", offered)
        return
    word = management[0].lower()
    old = {"none": Security.WEP, "ieee8021x": Security.WEP, "sae": Security.WPA3, "owe": Security.WPA3}
    security = old.get(word, Security.ENTERPRISE if "eap" in word else Security.WPA2)
    proto = values.get("wifi-security/proto", ("", 0, ""))
    if security is Security.WPA2 and proto[0].strip(";") == "wpa":
        yield WifiNetwork(path, proto[1], Security.WPA1, proto[2], offered)
    else:
        yield WifiNetwork(path, management[1], security, management[2], offered)


def _netplan(path: str, text: str) -> Iterator[WifiNetwork]:
    """Each entry of access-points: what is indented below it says how it is protected."""
    lines = text.splitlines()
    points = -1
    for index, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if line.strip() == "access-points:":
            points = indent
        elif line.strip() and indent <= points:
            points = -1
        elif points >= 0 and line.strip().startswith("<name>:") and _parent(lines, index) == points:
            yield _point(path, index, _below(lines, index, indent))


def _parent(lines: list[str], index: int) -> int:
    """The indentation of the line that this one belongs to."""
    indent = len(lines[index]) - len(lines[index].lstrip())
    for line in reversed(lines[:index]):
        if line.strip() and len(line) - len(line.lstrip()) < indent:
            return len(line) - len(line.lstrip())
    return -1


def _below(lines: list[str], index: int, indent: int) -> str:
    below = []
    for line in lines[index + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        below.append(line)
    return "\n".join(below)


def _point(path: str, index: int, below: str) -> WifiNetwork:
    found = {key: (value, index + 1 + number, said) for number, key, value, said in _pairs(below)}
    offered = found.get("mode", ("",))[0] == "ap"
    management = found.get("key-management", ("psk" if "password" in found else "none", index + 1, ""))
    security = {"none": Security.OPEN, "eap": Security.ENTERPRISE, "sae": Security.WPA3, "802.1x": Security.WEP}
    return WifiNetwork(path, management[1], security.get(management[0], Security.WPA2), management[2], offered)


def _hostapd(path: str, text: str) -> Iterator[WifiNetwork]:
    found = {key: (value, number, said) for number, key, value, said in _pairs(text)}
    if not found:
        return
    wpa = found.get("wpa", ("0", 1, ""))
    if wpa[0] == "0":
        wep = next((found[key] for key in found if key.startswith("wep_")), None)
        security = Security.WEP if wep else Security.OPEN
    elif wpa[0] == "1" or found.get("wpa_pairwise", ("",))[0].upper() == "TKIP":
        security = Security.WPA1
    else:
        security = _modern(set(found.get("wpa_key_mgmt", ("WPA-PSK",))[0].upper().split()))
    yield WifiNetwork(path, wpa[1], security, wpa[2], access_point=True)
