"""Where the lab keeps things, and what it can build."""

import os
from pathlib import Path

RELEASES = ("trixie", "bookworm")
VARIANTS = ("stock", "planted", "hardened")
RECIPES = Path(__file__).with_name("recipes")

# RFC 1918 and a unique local prefix of our own; blackhole routes cover all of both (see network.py).
PREFIX4 = "10.213"
PREFIX6 = "fd74:6872:6e77"
MAX_HOSTS = 250


def lab_dir() -> Path:
    """The cache folder: THORNWALL_LAB_DIR, or /var/cache/thornwall-lab."""
    return Path(os.environ.get("THORNWALL_LAB_DIR") or "/var/cache/thornwall-lab").absolute()
