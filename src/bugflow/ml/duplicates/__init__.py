"""Which earlier reports say the same: search, pair features, re-ranker, evidence."""
