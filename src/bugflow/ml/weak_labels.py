"""The keyword rules of the requirements document (3.1): fallback, weak labels, baseline."""

import re

from bugflow.domain.predictions import BugText, Severity

RULES_VERSION = "rules-1"

SEVERITY_KEYWORDS: dict[str, tuple[str, ...]] = {
    "critical": ("crash", "security", "data loss", "broken"),
    "high": ("bug", "error", "failure"),
    "low": ("typo", "improvement", "suggestion"),
}
"""First hit in this order wins."""
DEFAULT_SEVERITY = "medium"

TEAM_KEYWORDS: dict[str, tuple[str, ...]] = {
    "Frontend": ("ui", "button", "css", "react", "display"),
    "Backend": ("api", "server", "authentication", "query"),
    "Mobile": ("android", "ios", "touch", "notification"),
    "DevOps": ("docker", "kubernetes", "deployment", "ci/cd"),
}
"""The team with the most distinct keywords wins; a tie goes to the one named first."""
DEFAULT_TEAM = "Backend"
"""The document names no default. Backend is its commonest team (56 % of its data), so the likeliest guess."""

_LABEL_OF = {
    word: label for rules in (SEVERITY_KEYWORDS, TEAM_KEYWORDS) for label, words in rules.items() for word in words
}
# A keyword is a whole word or the beginning of an inflected one ("crashes", "bugs", "displayed"), so that "ui" is not
# found in "build" and "bug" not in "debugger"; white space inside a keyword may be any.
_KEYWORD = re.compile(
    r"\b(" + "|".join(re.escape(word).replace(r"\ ", r"\s{1,3}") for word in _LABEL_OF) + r")(?:e?s|e?d|ing)?\b"
)


def find_keywords(text: str) -> list[tuple[str, str]]:
    """The distinct keywords that occur, in order, each with the label it speaks for: `("crash", "critical")`."""
    words = dict.fromkeys(" ".join(found.split()) for found in _KEYWORD.findall(text.lower()))
    return [(word, _LABEL_OF[word]) for word in words]


def label_by_keywords(text: BugText) -> tuple[Severity, str]:
    """Severity and team of a report by the rules, over title and description."""
    found = [label for _, label in find_keywords(f"{text.title}\n{text.description}")]
    severity = next((label for label in SEVERITY_KEYWORDS if label in found), DEFAULT_SEVERITY)
    team = max(TEAM_KEYWORDS, key=found.count) if set(found) & set(TEAM_KEYWORDS) else DEFAULT_TEAM
    return Severity(severity), team
