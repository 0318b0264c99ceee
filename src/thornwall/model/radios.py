"""Wi-Fi and Bluetooth: what is on, and how it is protected."""

from __future__ import annotations

from enum import StrEnum

from thornwall.model.fact import Fact, Unknown
from thornwall.model.record import record

_UNREAD = Unknown("it was not read")


class Radio(StrEnum):
    """What sort of radio."""

    WIFI = "wifi"
    BLUETOOTH = "bluetooth"


class Security(StrEnum):
    """How the air is protected, worst first."""

    OPEN = "open"
    WEP = "WEP"
    WPA1 = "WPA with TKIP"
    WPA2 = "WPA2"
    WPA3 = "WPA3"
    ENTERPRISE = "WPA-Enterprise"


@record
class Adapter:
    """A radio that the running system has. `name`: `wlan0`, `hci0`; `source`: the path of /sys that shows it.

    `blocked`: `soft` or `hard` where rfkill keeps it silent, else empty. `usb`: it is a dongle.
    """

    radio: Radio
    name: str
    source: str
    blocked: str = ""
    usb: bool = False


@record
class WifiNetwork:
    """A network that the host joins by itself, or (`access_point`) one that it offers. Its name is not kept.

    `line`: where its protection is said, or where the network begins.
    """

    path: str
    line: int
    security: Security
    text: str = ""
    access_point: bool = False


@record
class KeyFile:
    """A file that holds Wi-Fi keys, and who may read it: permission bits, owner and group."""

    path: str
    mode: int
    user: str
    group: str


@record
class Radios:
    """`adapters`: what the running system has (Unknown for a directory, and in a container: /sys is not its own).

    `networks`, `key_files`: from wpa_supplicant, NetworkManager, netplan and hostapd; `networks_unread` if some could
    not be read. `input_devices`: paired Bluetooth keyboards and mice, by their class. `wifi_disabled`: NetworkManager's
    own switch, with its line.
    """

    adapters: Fact[tuple[Adapter, ...]]
    networks: tuple[WifiNetwork, ...] = ()
    networks_unread: Unknown | None = None
    key_files: tuple[KeyFile, ...] = ()
    input_devices: Fact[tuple[str, ...]] = _UNREAD
    wifi_disabled: int | None = None

    def of(self, radio: Radio) -> tuple[Adapter, ...]:
        """The adapters of one sort, none where they are not known."""
        return tuple(each for each in getattr(self.adapters, "value", ()) if each.radio is radio)
