"""Bringing bugs from other trackers: reading files, checking rows, writing them in batches."""
