"""Whole user actions, put together from the pieces."""
