"""Ports for who must say one before anybody listens there."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import tempfile
from itertools import count
from pathlib import Path

_FIRST = 20_000
_OF_ONE = 1_000  # ports of one worker; all of them together end below 32,768, where the kernel's own choices begin


def _own_ports() -> count[int]:
    """Those of this process, so that no two tests at once have the same, nor anybody who asks the kernel for one."""
    worker = re.fullmatch(r"gw(\d+)", os.environ.get("PYTEST_XDIST_WORKER", ""))
    return count(_FIRST + (int(worker[1]) + 1 if worker else 0) * _OF_ONE)


_ports = _own_ports()
_given = os.open(Path(tempfile.gettempdir()) / f"sealmq-ports-{os.getuid()}", os.O_RDWR | os.O_CREAT, 0o600)
"""Its byte N is locked by the process that has port N: another run of the tests has workers of the same names."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that is given once."""
    while True:
        port = next(_ports)
        try:
            fcntl.lockf(_given, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
