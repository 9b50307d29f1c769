"""What the PBX and the license server must agree on: signed documents, wire models, shared rules."""
