"""`make demo`: license server, PBX pages and agent on this machine, set up by their commands."""
