"""Ports for who must say one before anybody listens there."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from itertools import count
from random import SystemRandom

_FIRST = 20_000
_OF_ONE = 1_000  # ports of one worker; all of them together end below 32,768, where the kernel's own choices begin


def _own_ports() -> Iterator[int]:
    """Those of this process, so that no two tests at once have the same, nor anybody who asks the kernel for one.

    They begin somewhere among them: who runs the tests twice at the same time has not the same ones at the same time.
    """
    worker = re.fullmatch(r"gw(\d+)", os.environ.get("PYTEST_XDIST_WORKER", ""))
    first = _FIRST + (int(worker[1]) + 1 if worker else 0) * _OF_ONE
    start = SystemRandom().randrange(_OF_ONE)
    return (first + (start + number) % _OF_ONE for number in count())


_ports = _own_ports()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that is given once."""
    while True:
        port = next(_ports)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
