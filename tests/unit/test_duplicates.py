"""Bugs that say the same: what needs neither database nor model."""

import pytest

from bugflow.domain.duplicates import is_older


@pytest.mark.parametrize(
    ("versions", "others", "older"),
    [
        (["4.1"], ["4.2"], True),
        (["4.9"], ["4.10"], True),
        (["v4.1.3"], ["4.2"], True),
        (["4.2"], ["4.2"], False),
        (["4.2"], ["4.2.1"], False),
        (["4.3"], ["4.2"], False),
        (["4.1", "4.3"], ["4.2"], False),
        (["4.1"], [], False),
        ([], ["4.2"], False),
    ],
)
def test_a_report_is_of_an_older_version_only_if_all_it_names_come_before(
    versions: list[str], others: list[str], older: bool
) -> None:
    assert is_older(versions, others) is older
