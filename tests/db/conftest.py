"""Everything here runs on both databases."""

from typing import cast

import pytest
from tests.conftest import BOTH, Kind
from tests.factories import House

from bugflow.db.engine import Database


@pytest.fixture(params=BOTH)
def kind(request: pytest.FixtureRequest) -> Kind:
    return cast("Kind", request.param)


@pytest.fixture
def database(house: House) -> Database:
    return house.runtime.database
