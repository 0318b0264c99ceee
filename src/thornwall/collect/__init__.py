"""Probes to one script, its stream to a capture, a capture to a file and back."""
