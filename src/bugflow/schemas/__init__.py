"""Wire formats: one file a noun."""
