"""No test here is worth anything without the library."""

from __future__ import annotations

import pytest

from wolfssl_here import wolfssl


@pytest.fixture(autouse=True)
def _needs_the_library() -> None:
    wolfssl()
