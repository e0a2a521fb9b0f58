from __future__ import annotations

from pathlib import Path

import pytest

from tapped import Stage


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(Path(tmp_path_factory.mktemp("stage")))
