"""A plan as the very script that would carry it out."""

from __future__ import annotations
