"""The PBX side: pages, services and agent that keep the license."""
