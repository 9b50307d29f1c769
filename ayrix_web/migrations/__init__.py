"""The steps by which the PBX's database came to its present form."""
