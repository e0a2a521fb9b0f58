"""A broker with a listener for certificates, and one for pre-shared keys."""

from __future__ import annotations

import re
import time
from pathlib import Path

from running import Broker
from sealmq.bundle import read_psk
from sealmq.home import Home

LISTENERS = """
listen = ["127.0.0.1:0"]
[[listener]]
address = "127.0.0.1:0"
auth = "psk"
middleware = "{middleware}"
[https]
listen = []
[websocket]
listen = []
"""


class PSKBroker(Broker):
    """By a home with LISTENERS. `psk_port`: where keys are taken."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, listen=())
        (line,) = (line for line in self.output.lines if "pre-shared key" in line)
        found = re.search(r":([0-9]+) \(", line)
        assert found
        self.psk_port = int(found[1])

    def add(self, name: str, *, days: int = 365, ago: float = 0.0) -> str:
        """Add a device with a PSK, as if it had been done before; returns the key in hex."""
        with Home.open(self.home) as home:
            added = home.psk_enrollment().add_device(name, now=time.time() - ago, days=days)
        return read_psk(added.file).key.hex()

    def psk_file(self, name: str) -> Path:
        """Of a device that was added."""
        return self.home / "devices" / name / "psk.txt"
