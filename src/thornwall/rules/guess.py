"""What the device seems to be for, from what runs on it: the guesses of `profile init`, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from thornwall.model.fact import Known
from thornwall.model.profile import Controls, Data, Online, Place, Profile, Shows, Talks
from thornwall.model.snapshot import Snapshot

_UNITS: dict[str, tuple[tuple[str, StrEnum], ...]] = {
    "motion": (("controls", Controls.CAMERA), ("data", Data.VIDEO)),
    "motioneye": (("controls", Controls.CAMERA), ("data", Data.VIDEO)),
    "mediamtx": (("controls", Controls.CAMERA), ("data", Data.VIDEO)),
    "frigate": (("controls", Controls.CAMERA), ("data", Data.VIDEO)),
    "home-assistant": (("controls", Controls.APPLIANCE), ("data", Data.PERSONAL)),
    "home-assistant@homeassistant": (("controls", Controls.APPLIANCE), ("data", Data.PERSONAL)),
    "openhab": (("controls", Controls.APPLIANCE), ("data", Data.PERSONAL)),
    "nodered": (("controls", Controls.APPLIANCE),),
    "zigbee2mqtt": (("controls", Controls.APPLIANCE),),
    "octoprint": (("controls", Controls.APPLIANCE),),
    "mosquitto": (("controls", Controls.APPLIANCE),),
    "hostapd": (("controls", Controls.NETWORK), ("talks", Talks.TRAFFIC)),
    "pihole-FTL": (("controls", Controls.NETWORK), ("talks", Talks.TRAFFIC)),
    "AdGuardHome": (("controls", Controls.NETWORK), ("talks", Talks.TRAFFIC)),
    "wg-quick@wg0": (("controls", Controls.NETWORK), ("talks", Talks.TRAFFIC)),
    "openvpn": (("controls", Controls.NETWORK), ("talks", Talks.TRAFFIC)),
    "smbd": (("data", Data.PERSONAL),),
    "nfs-server": (("data", Data.PERSONAL),),
    "nextcloud": (("data", Data.PERSONAL),),
    "syncthing@pi": (("data", Data.PERSONAL),),
    "vaultwarden": (("data", Data.PASSWORDS),),
    "lightdm": (("controls", Controls.DISPLAY), ("shows", Shows.PRIVATE)),
    "kiosk": (("controls", Controls.DISPLAY), ("shows", Shows.OTHERS)),
}


def guess_profile(host: Snapshot, name: str) -> tuple[Profile, dict[str, str]]:
    """A profile, and for each field that was guessed the reason as a clause."""
    seen: dict[str, list[tuple[StrEnum, str]]] = {}
    for key, value, reason in (*_by_units(host), *_by_network(host)):
        seen.setdefault(key, []).append((value, reason))
    reasons = {key: "; ".join(dict.fromkeys(reason for _, reason in found)) for key, found in seen.items()}
    values = {key: tuple(dict.fromkeys(value for value, _ in found)) for key, found in seen.items()}
    return (
        Profile(
            name=name,
            data=tuple(Data(str(word)) for word in values.get("data", ())) or (Data.NONE,),
            controls=tuple(Controls(str(word)) for word in values.get("controls", ())) or (Controls.NOTHING,),
            shows=Shows(str(values["shows"][-1])) if "shows" in values else Shows.NOTHING,
            talks=tuple(Talks(str(word)) for word in values.get("talks", ())) or (Talks.HOME,),
            online=Online(str(values["online"][-1])) if "online" in values else Online.LOCAL,
            place=Place.HOME,
        ),
        reasons,
    )


def _by_units(host: Snapshot) -> Iterator[tuple[str, StrEnum, str]]:
    match host.services:
        case Known(services):
            for unit, meanings in _UNITS.items():
                if services.enabled(unit) or services.active(unit):
                    for key, value in meanings:
                        yield key, value, f"{unit.partition('@')[0]} runs there"


def _by_network(host: Snapshot) -> Iterator[tuple[str, StrEnum, str]]:
    match host.network:
        case Known(network):
            if network.public_ipv4:
                yield "online", Online.EXPOSED, f"it has the public address {network.public_ipv4[0]}"
            elif network.default_routes:
                yield "online", Online.INTERNET, "it has a default route"
                yield "talks", Talks.HOME, "it is on a network"
                yield "talks", Talks.INTERNET, "it has a default route"
            elif not any(each.interface != "lo" for each in network.addresses):
                yield "online", Online.NO, "it has no address beyond loopback"
                yield "talks", Talks.NOTHING, "it is on no network"
