"""How a host is named on the command line, for the commands that are printed to be typed."""

from __future__ import annotations

HERE = "this machine"  # what reports call it
LOCAL = "local:"  # and what a command does
