"""What both sides must agree on: signed documents, wire models, shared rules."""
