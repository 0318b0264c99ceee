"""Passwords that everybody knows: tried on the device, and refused as new ones."""

from __future__ import annotations

OWN_NAME = "@name@"
SHORTEST = 8  # characters of a new one, as in NIST SP 800-63B

# The likeliest first, since a slow board tries few: what images and devices come with, and what the documents print.
# Most images have an account with its own name for a password (kali, osmc, volumio, ubuntu…): that is one try. They
# are so few that four accounts with yescrypt fit into the three seconds.
LIKELY: tuple[str, ...] = (
    *("raspberry", OWN_NAME, "P@ssw0rd!", "admin", "password", "1234", "12345", "123456", "12345678", "root", "toor"),
    *("default", "changeme", "raspberrypi", "dietpi", "odroid", "orangepi", "libreelec", "openelec", "linaro", "rock"),
    *("radxa", "bananapi", "qwerty"),
)
# What worms try on cameras and routers: their firmware has cheap hashes, and only on those these are tried.
WORMS: tuple[str, ...] = (
    *("xc3511", "vizxv", "anko", "xmhdipc", "juantech", "jvbzd", "hi3518", "klv123", "klv1234", "7ujMko0admin"),
    *("7ujMko0vizxv", "Zte521", "zlxx.", "dreambox", "realtek", "ikwb", "smcadmin", "1111", "1111111", "4321"),
    *("54321", "666666", "888888", "00000000", "123123", "1234567890", "admin1234", "meinsm", "tech", "service"),
    *("supervisor", "administrator", "fucker", "tlJwpbo6", "S2fGqNFs", "OxhlwSG8", "GM8182", "cat1029", "ipcam_rt5350"),
    *("fa", "oelinux123", "beagle", "nanopi", "khadas", "pine64", "moode", "batocera", "iloveyou", "password1"),
    *("homeassistant", "hass", "secret", "pass", "111111", "000000", "abc123", "rock64", "jetson", "nvidia"),
    *("support", "system", "admin123", "Password1", "raspberry1", "Raspberry", "ubuntu", "debian", "kali", "alarm"),
    *("armbian", "osmc", "hypriot", "motioneye", "volumio", "retropie", "octopi", "pi", "user", "guest", "test"),
    *("letmein", "welcome", "123456789", "raspbian", "temppwd", "openhabian", "moodeaudio", "recalboxroot", "P@ssw0rd"),
)


def everybody_knows(account: str, password: str) -> bool:
    """Whether it is one of them, in capitals or not, or the account's own name."""
    return password.lower() in {account.lower(), *(each.lower() for each in (*LIKELY, *WORMS) if each != OWN_NAME)}
