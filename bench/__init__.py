"""What thornwall promises about speed and weight, measured on this machine. See docs/performance.md."""
