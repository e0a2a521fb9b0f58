"""One home and one broker for each test process; whoever wants to break something makes its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop_homes import make_home, start
from running import Broker

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the operator and sensor-1 to sensor-3."""
    return make_home(tmp_path_factory.mktemp("interop") / "home")


@pytest.fixture(scope="session")
def broker(home: Path) -> Iterator[Broker]:
    """A broker that runs for all tests of this process; nobody may end it."""
    yield from start(home)


@pytest.fixture
def topic() -> str:
    """A topic of sensor-1's own that no other test uses."""
    return f"devices/sensor-1/{next(_numbers)}"


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker of this test's own, in a home of its own."""
    yield from start(make_home(tmp_path / "home"))


WEBSOCKET = ("--listen", "127.0.0.1:0", "--websocket", "127.0.0.1:0")


@pytest.fixture(scope="session")
def websocket_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that listens for WebSocket too, with the limits of an unedited configuration; nobody may end it."""
    home = make_home(tmp_path_factory.mktemp("websocket") / "home", '[log]\nlevel = "debug"\n')
    yield from start(home, *WEBSOCKET)


@pytest.fixture
def own_websocket_broker(tmp_path: Path) -> Iterator[Broker]:
    """The same, for one test alone."""
    yield from start(make_home(tmp_path / "home"), *WEBSOCKET)
