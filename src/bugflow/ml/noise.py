"""What trackers and templates put into a report that its reporter did not say; regular expressions, as data.

Collected from the commonest lines of each tracker in the training data; matched without case.
"""

import re
from collections.abc import Sequence

HEADINGS = (
    r"steps? (?:to|for) re(?:produce|peat|create)",
    r"(?:actual|expected|observed|current) (?:results?|behaviou?rs?|outcome)",
    r"expected|actual|str|description|overview(?: description)?|problem(?: description)?|summary|environment|notes?",
    r"additional (?:information|details|builds and platforms)",
    r"reproducible(?:: ?(?:always|sometimes|didn't try))?",
    r"prerequisites|affected (?:versions|platforms)|test case|sample code|runtime|attachments?",
    r"no description provided",
)
"""Headings of report forms; a line that is nothing else goes."""

WHOLE_LINES = (
    r"hi(?: all| there)?|hello(?: all)?|(?:best |kind )?regards|thanks?(?: you)?(?: in advance)?",
    r"(?:visual|xamarin) studio(?: \w+)?|operating system|apple developer tools|xamarin\.(?:android|ios|mac)",
    r"version:? \d[\w. ]{0,30}(?:\([^()]{0,60}\)?)?|mac os x \d[\d.]*",
)
"""Courtesies and entries of version blocks; a line that is nothing else goes."""

LINE_STARTS = (
    r"user[- ]?agent|mozilla/\d|build ?(?:id|identifier|date|information|name|naam|lane)|buildnaam|release id",
    r"package version|installation uuid|git revision|root:xnu|gtk ?\+|java(?:\(tm\))? (?:sdk|se runtime|hotspot)",
    r"java version|openjdk|supported android versions|android sdk|\(?api level|[\d.]{1,12} \(api level",
    r"commit-(?:date|hash)|binary: rustc|release: \d|host: \w+-|rustc \d|note: (?:we would appreciate|run with)",
    r"note: the compiler|created (?:an )?attachment|this bug was initially created as a clone|pushed by",
    r"imported into bugzilla|\(?this bug imported from|was known there as bug|bug automatically imported",
    r"change performed by the|from github:|from bugzilla helper",
)
"""How lines begin that a form or a tracker wrote; the whole line goes."""

PLATFORMS = (
    r"\b(?:android|ios|iphone|ipad|windows|win(?:32|64|xp)|linux|ubuntu|debian|fedora|mac ?os(?: x)?|os ?x|macintosh",
    r"solaris|freebsd|docker|kubernetes|firefox|chrome|safari|opera|internet explorer|ie ?\d{1,2}|webkit)\b",
)
"""Names of platforms, for text in lower case."""


def one_of(patterns: Sequence[str]) -> re.Pattern[str]:
    """One compiled expression for all of them."""
    return re.compile("|".join(patterns), re.IGNORECASE)
