"""Why two reports may be the same, in words: what both hold, rarest first, and where they differ."""

from collections.abc import Sequence

import numpy as np

from bugflow.domain.duplicates import Evidence, EvidenceKind
from bugflow.ml.duplicates.words import PROSE, WORD_BITS, WORD_MASK, Entries, Part, keys_of, parts_of
from bugflow.ml.text import CleanText

MOST_WORDS = 6
MOST_VALUES = 3
SHORTEST = 3  # letters; "we" and "no" are rare among few bugs, and say nothing among many
RARE = 2.0  # of rarity: a word in more than one of eight bugs says nothing
_SHARED = {
    Part.EXCEPTION: EvidenceKind.EXCEPTION,
    Part.ERROR_CODE: EvidenceKind.ERROR_CODE,
    Part.FRAME: EvidenceKind.FRAME,
    Part.VERSION: EvidenceKind.VERSION,
    Part.PLATFORM: EvidenceKind.PLATFORM,
}
_DIFFERENT = {Part.VERSION: EvidenceKind.OTHER_VERSION, Part.PLATFORM: EvidenceKind.OTHER_PLATFORM}


class Reader:
    """Names what a report shares with others; the hashes of an earlier one are read back through its own words."""

    def __init__(self, text: CleanText, *, rarities: dict[int, float]) -> None:
        """Take a report apart.

        Args:
            text: The report that was asked about.
            rarities: Of its words, by hash without the part.
        """
        named = list(dict.fromkeys(parts_of(text)))
        keys = keys_of(*zip(*named, strict=True)).tolist() if named else []
        self._prose: dict[int, str] = {}
        self._marks: dict[Part, dict[int, str]] = {part: {} for part in _SHARED}
        for key, (part, word) in zip(keys, named, strict=True):
            if part in PROSE:
                self._prose.setdefault(key & int(WORD_MASK), word)
            else:
                self._marks[part].setdefault(key, word)
        self._rarities = rarities

    def read(self, entries: Entries) -> Sequence[Evidence]:
        """What this report shares with the one of these words, and where the two differ."""
        found = [Evidence(EvidenceKind.WORDS, words)] if (words := self._shared_words(entries)) else []
        keys = set(entries["key"].tolist())
        parts = set((entries["key"] >> np.uint32(WORD_BITS)).tolist())
        for part, kind in _SHARED.items():
            mine = self._marks[part]
            if shared := [word for key, word in mine.items() if key in keys]:
                found.append(Evidence(kind, shared[:MOST_VALUES]))
            elif mine and part in parts and part in _DIFFERENT:
                found.append(Evidence(_DIFFERENT[part], [*mine.values()][:MOST_VALUES]))
        return found

    def _shared_words(self, entries: Entries) -> list[str]:
        searched = entries["key"] >> np.uint32(WORD_BITS) < len(PROSE)
        theirs = set((entries["key"][searched] & WORD_MASK).tolist())
        shared = [
            key
            for key, word in self._prose.items()
            if key in theirs and len(word) >= SHORTEST and self._rarities.get(key, 0.0) >= RARE
        ]
        shared.sort(key=lambda key: -self._rarities[key])
        return [self._prose[key] for key in shared[:MOST_WORDS]]
