"""What the license server does: one function, one transaction."""
