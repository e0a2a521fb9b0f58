"""The key exchange group of a handshake, read off the server's messages as they pass.

Some libraries tell nobody which group was agreed on. Under TLS 1.3 it stands in the ServerHello (RFC 8446 section
4.2.8), under TLS 1.2 in the ServerKeyExchange (RFC 8422 section 5.4), both before anything is encrypted. What is read
here decides nothing: it is for the log.
"""

from __future__ import annotations

from typing import Final

GROUPS: Final = {23: "secp256r1", 24: "secp384r1", 25: "secp521r1", 29: "x25519", 30: "x448", 4588: "X25519MLKEM768"}
"""RFC 8446 section 4.2.7: number -> name, as OpenSSL writes it."""

MOST = 24 * 1024
"""Bytes of the server's flight that are looked at: its certificates stand before the ServerKeyExchange."""

_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_CHANGE_CIPHER_SPEC = 20
_HANDSHAKE = 22
_SERVER_HELLO, _SERVER_KEY_EXCHANGE, _SERVER_HELLO_DONE = 2, 12, 14
_KEY_SHARE = 51
_NAMED_CURVE = 3


class SeenGroup:
    """Give it what the server sends, piece by piece, until `over`.

    name: the group, "" when none was seen (a resumed handshake of TLS 1.2 has none).
    over: nothing more needs to be given.
    """

    __slots__ = ("_messages", "_records", "_retried", "_taken", "name", "over")

    def __init__(self) -> None:
        self.name = ""
        self.over = False
        self._records = bytearray()  # not taken apart yet
        self._messages = bytearray()
        self._retried = False
        self._taken = 0

    def look(self, data: bytes) -> None:
        """The next bytes from the server."""
        if self.over:
            return
        self._taken += len(data)
        self._records += data
        while len(self._records) >= 5 and not self.over:
            kind, length = self._records[0], int.from_bytes(self._records[3:5], "big")
            if kind != _HANDSHAKE and not (kind == _CHANGE_CIPHER_SPEC and self._retried):
                self._end()  # keys are on, or it was an alert
                return
            if len(self._records) < 5 + length:
                break
            if kind == _HANDSHAKE:
                self._messages += self._records[5 : 5 + length]
            del self._records[: 5 + length]
            self._read_messages()
        if self._taken > MOST:
            self._end()

    def _end(self, group: int = 0) -> None:
        self.name = GROUPS.get(group, f"0x{group:04x}" if group else "")
        self.over = True
        self._records.clear()
        self._messages.clear()

    def _read_messages(self) -> None:
        """Every whole message that is there."""
        while not self.over and len(self._messages) >= 4:
            end = 4 + int.from_bytes(self._messages[1:4], "big")
            if len(self._messages) < end:
                return
            kind, body = self._messages[0], bytes(self._messages[4:end])
            del self._messages[:end]
            if kind == _SERVER_HELLO and body[2:34] == _RETRY:
                self._retried = True  # a ChangeCipherSpec behind it means nothing (RFC 8446 appendix D.4)
            elif kind == _SERVER_HELLO and (group := _key_share(body)):
                self._end(group)
            elif kind == _SERVER_KEY_EXCHANGE:
                self._end(_curve(body))
            elif kind == _SERVER_HELLO_DONE:
                self._end()


def _key_share(hello: bytes) -> int:
    """The group of a ServerHello's key share; 0 for none."""
    at = 35 + (hello[34] if len(hello) > 34 else 0) + 3  # version, random, session id; cipher suite, compression
    end = at + 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 2
    while at + 4 <= min(end, len(hello)):
        kind, length = int.from_bytes(hello[at : at + 2], "big"), int.from_bytes(hello[at + 2 : at + 4], "big")
        if kind == _KEY_SHARE:
            return int.from_bytes(hello[at + 4 : at + 6], "big")
        at += 4 + length
    return 0


def _curve(exchange: bytes) -> int:
    """The group of a ServerKeyExchange; 0 for none. With a PSK a hint stands before it (RFC 5489 section 2)."""
    for at in (0, 2 + int.from_bytes(exchange[:2], "big")):
        if exchange[at : at + 1] == bytes([_NAMED_CURVE]) and len(exchange) > at + 3:
            return int.from_bytes(exchange[at + 1 : at + 3], "big")
    return 0
