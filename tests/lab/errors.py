"""The one error of the lab."""


class LabError(Exception):
    """Something the lab needs is missing, or a tool it ran failed. The text says which, and what to do."""
