"""The key log that TLS libraries write when they are asked to (`SSLKEYLOGFILE`): the secrets of connections.

A line is LABEL, the client's random in hex, a secret in hex; the labels are those of TLS 1.3's key schedule (RFC 8446
section 7.1), and CLIENT_RANDOM for the master secret of TLS 1.2. The format comes from Mozilla's NSS.

Rule 1: who has such a file can read the connections. No secret is in a repr, an error or a count.
Rule 2: a file may be of any size and have anything in it: what is no line of secrets is counted, and kept nowhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import BinaryIO

MASTER_SECRET = "CLIENT_RANDOM"  # noqa: S105 - a label, not a secret
CLIENT_EARLY = "CLIENT_EARLY_TRAFFIC_SECRET"
CLIENT_HANDSHAKE = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
SERVER_HANDSHAKE = "SERVER_HANDSHAKE_TRAFFIC_SECRET"
CLIENT_TRAFFIC = "CLIENT_TRAFFIC_SECRET_0"
SERVER_TRAFFIC = "SERVER_TRAFFIC_SECRET_0"
LABELS = frozenset(
    {
        MASTER_SECRET,
        CLIENT_EARLY,
        CLIENT_HANDSHAKE,
        SERVER_HANDSHAKE,
        CLIENT_TRAFFIC,
        SERVER_TRAFFIC,
        "EXPORTER_SECRET",
        "EARLY_EXPORTER_SECRET",
    }
)
MOST_SECRETS = 100_000
"""Secrets kept, about 30 MB: those of 20,000 connections of TLS 1.3."""

_RANDOM = 32  # bytes
_SECRETS = (32, 48, 64)  # a hash's length; 48 also a master secret's
_LONGEST_LINE = 512


class KeyLog:
    """Secrets by connection. It may grow while it is used: a live connection writes its own line by line.

    most:    secrets that are kept; what comes after them is left out.
    unread:  lines that are no secret. left_out: secrets that were one too many.
    """

    __slots__ = ("_secrets", "count", "left_out", "most", "unread", "wanted")

    def __init__(self, *, wanted: Collection[bytes] | None = None, most: int = MOST_SECRETS) -> None:
        """wanted: client randoms; None for all."""
        self.wanted = None if wanted is None else frozenset(wanted)
        self.most = most
        self.count = 0
        self.unread = 0
        self.left_out = 0
        self._secrets: dict[bytes, dict[str, bytes]] = {}

    def __repr__(self) -> str:
        return f"<KeyLog: {self.count} secrets of {len(self._secrets)} connections>"

    def __len__(self) -> int:
        """The connections of which it has a secret."""
        return len(self._secrets)

    def find(self, client_random: bytes, label: str) -> bytes | None:
        """The secret of that label, None where it is not there."""
        return self._secrets.get(client_random, {}).get(label)

    def add(self, line: str | bytes) -> None:
        """Take one line; of a secret that comes twice the last counts. A comment or an old `RSA` line says nothing."""
        if len(line) > _LONGEST_LINE:
            self.unread += 1
            return
        text = line if isinstance(line, str) else line.decode("ascii", "replace")
        words = text.split()
        if not words or words[0].startswith("#") or words[0] == "RSA":
            return
        read = _read(words)
        if read is None:
            self.unread += 1
            return
        label, client_random, secret = read
        if self.wanted is not None and client_random not in self.wanted:
            return
        self._keep(client_random, label, secret)

    def lines_for(self, client_random: bytes) -> str:
        """All secrets of one connection in the file's format, to be written into a capture; "" for none."""
        secrets = self._secrets.get(client_random, {})
        return "".join(f"{label} {client_random.hex()} {secret.hex()}\n" for label, secret in secrets.items())

    def _keep(self, client_random: bytes, label: str, secret: bytes) -> None:
        known = self._secrets.get(client_random, {})
        if label not in known:
            if self.count >= self.most:
                self.left_out += 1
                return
            self.count += 1
            self._secrets[client_random] = known
        known[label] = secret


def read_key_log(
    lines: Iterable[str | bytes], *, wanted: Collection[bytes] | None = None, most: int = MOST_SECRETS
) -> KeyLog:
    """Read a key log.

    lines:  such as an open file. wanted: client randoms of the connections that matter, None for all.
    most:   secrets that are kept.
    """
    key_log = KeyLog(wanted=wanted, most=most)
    for line in lines:
        key_log.add(line)
    return key_log


def lines_of(file: BinaryIO, most: int) -> Iterator[bytes]:
    """The lines in the first `most` bytes of a file, one at a time: millions of empty ones cost no memory.

    One that is too long for a line of secrets comes in pieces.
    """
    while most > 0 and (line := file.readline(min(most, 2 * _LONGEST_LINE))):
        most -= len(line)
        yield line


def _read(words: list[str]) -> tuple[str, bytes, bytes] | None:
    if len(words) != 3 or words[0] not in LABELS:
        return None
    try:
        client_random, secret = bytes.fromhex(words[1]), bytes.fromhex(words[2])
    except ValueError:
        return None
    if len(client_random) != _RANDOM or len(secret) not in _SECRETS:
        return None
    return words[0], client_random, secret
