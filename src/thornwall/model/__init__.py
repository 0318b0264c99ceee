"""Frozen dataclasses: no IO, no parsing."""
