"""What the license server answers over HTTP."""
