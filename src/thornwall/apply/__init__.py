"""The transaction on the device: scripts, and what they say."""
