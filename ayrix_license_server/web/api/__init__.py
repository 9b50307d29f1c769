"""The API for PBXs (protocol.md, Wire)."""
