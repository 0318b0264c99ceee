"""A result as text: one file a format."""
