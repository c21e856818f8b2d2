"""Bugs that say the same: what they are compared by, finding them, deciding."""
