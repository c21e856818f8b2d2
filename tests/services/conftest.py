"""What the tests of the use cases share."""

from pathlib import Path

import pytest
from tests.factories import House
from tests.services.importing import Importing


@pytest.fixture
def importing(house: House, tmp_path: Path) -> Importing:
    return Importing(house, tmp_path)
