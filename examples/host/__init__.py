"""A small PBX of five kinds of objects, the example of a host application."""
