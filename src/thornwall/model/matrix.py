"""The risk matrix of the first document: how likely against how bad, in four levels."""

from __future__ import annotations

from functools import cache

from thornwall.model.finding import Risk

LIKELIHOODS = ("rare", "unlikely", "possible", "likely", "almost certain")
IMPACTS = ("negligible", "minor", "moderate", "major", "severe")

_FLOORS = ((20, Risk.EXTREME), (12, Risk.HIGH), (5, Risk.MEDIUM))


@cache
def risk_of(likelihood: int, impact: int) -> Risk:
    """The level of a likelihood and an impact, each 1–5: from a product of 20 extreme, of 12 high, of 5 medium."""
    product = likelihood * impact
    return next((risk for floor, risk in _FLOORS if product >= floor), Risk.LOW)
