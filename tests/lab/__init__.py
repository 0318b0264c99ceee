"""Debian hosts that really boot, each in a network namespace of its own, from clean snapshots. See README.md."""

from .errors import LabError as LabError
from .host import Host as Host
from .host import clean as clean
from .host import hosts as hosts
from .host import start as start
from .tools import missing as missing
