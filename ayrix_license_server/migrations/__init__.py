"""The steps by which the license server's database came to its present form."""
