"""Bugs: reading, reporting, changing them."""
