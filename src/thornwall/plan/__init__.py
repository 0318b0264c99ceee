"""Findings and a snapshot to a plan: pure functions of data."""
