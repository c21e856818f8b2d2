"""Bugs, people and projects of an invented company, to try BugFlow out with."""
