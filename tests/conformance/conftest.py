from __future__ import annotations

import pytest

from stacks import Stage
from tls_pairs import Trust


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture(params=[4, 5], ids=["3.1.1", "5"])
def level(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return Trust(tmp_path_factory.mktemp("trust"))
