"""What is read of a host, and the pure parsers of what comes back: one file a subject."""
