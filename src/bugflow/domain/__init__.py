"""Plain Python: what things are and what may happen to them."""
