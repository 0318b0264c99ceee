"""What the device is for: the first document's questions ('What kind of target is your device?'), answered."""

from __future__ import annotations

from enum import StrEnum

from thornwall.model.record import record


class Data(StrEnum):
    """What data is on the device?"""

    NONE = "none"
    PASSWORDS = "passwords"
    PERSONAL = "personal"
    VIDEO = "video"
    FINANCIAL = "financial"
    MEDICAL = "medical"


class Controls(StrEnum):
    """What hardware does it control?"""

    NOTHING = "nothing"
    DISPLAY = "display"
    CAMERA = "camera"
    LOCK = "lock"
    APPLIANCE = "appliance"
    NETWORK = "network"


class Shows(StrEnum):
    """What information does it display?"""

    NOTHING = "nothing"
    PRIVATE = "private"  # to its owner alone
    OTHERS = "others"  # schedules, status, advertisements: to other people


class Talks(StrEnum):
    """What does it communicate with?"""

    NOTHING = "nothing"
    HOME = "home"  # other devices of the local network
    INTERNET = "internet"
    TRAFFIC = "traffic"  # it carries others' traffic: a router, an access point, a VPN, a DNS server


class Online(StrEnum):
    """Must it be on a network at all?"""

    NO = "no"  # and it is on none
    NEEDLESS = "needless"  # it is on one, and need not be
    LOCAL = "local"  # only on the local network
    INTERNET = "internet"  # it must reach the Internet
    EXPOSED = "exposed"  # it is reached from the Internet (port forwarding, public address)


class Place(StrEnum):
    """Where does it stand, and who can touch it?"""

    LOCKED = "locked"  # a locked room or enclosure
    HOME = "home"
    SHARED = "shared"  # an office, a workshop: known people pass by
    PUBLIC = "public"  # a fair, a school, a shop, the street


@record
class Profile:
    """The answers. The default is an unremarkable device at home that is on the local network."""

    data: tuple[Data, ...] = (Data.NONE,)
    controls: tuple[Controls, ...] = (Controls.NOTHING,)
    shows: Shows = Shows.NOTHING
    talks: tuple[Talks, ...] = (Talks.HOME,)
    online: Online = Online.LOCAL
    place: Place = Place.HOME
    name: str = ""
