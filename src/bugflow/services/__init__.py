"""The verbs: one function is one use case, inside the caller's transaction."""
