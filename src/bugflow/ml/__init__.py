"""The ML engine: a library that knows nothing of HTTP or SQL."""
