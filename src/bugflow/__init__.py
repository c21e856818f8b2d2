"""BugFlow: a self-hosted bug tracker that triages itself."""

__version__ = "0.1.0"
