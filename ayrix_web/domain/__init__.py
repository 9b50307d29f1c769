"""The rules of the PBX side, without input and output."""
