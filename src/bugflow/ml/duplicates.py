"""What finds the earlier reports that may say the same."""

from collections.abc import Sequence
from typing import Protocol

from bugflow.domain.predictions import BugText, DuplicateCandidate


class DuplicateIndex(Protocol):
    """The bugs reported so far, searchable by what they say. May be called from several threads at once."""

    def find_duplicates(self, texts: Sequence[BugText], *, n: int) -> list[list[DuplicateCandidate]]:
        """For each text at most n candidates, most probable first."""
        ...


class EmptyIndex:
    """An index that holds no bugs."""

    def find_duplicates(self, texts: Sequence[BugText], *, n: int) -> list[list[DuplicateCandidate]]:  # noqa: ARG002  (protocol)
        """No candidates."""
        return [[] for _ in texts]
