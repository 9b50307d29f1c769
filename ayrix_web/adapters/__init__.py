"""Foreign technology behind the ports."""
