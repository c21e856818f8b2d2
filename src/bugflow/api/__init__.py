"""HTTP: one file a noun, each route calls one service function."""
