"""Audit, harden, prove and un-harden Raspberry Pis and other small Linux computers."""

__version__ = "0.1.0"
