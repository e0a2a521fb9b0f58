"""An Engine (tls/memory.py) over Python's `ssl`: the smallest one, to hold MemoryConnection against."""

from __future__ import annotations

import ssl

from sealmq.errors import TLSError
from sealmq.tls.middleware import HandshakeProof


class StdlibEngine:
    def __init__(self, context: ssl.SSLContext, server_hostname: str | None = None) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.incoming, self.outgoing, server_side=server_hostname is None, server_hostname=server_hostname
        )
        self.refused_certificate = b""
        self.fed: list[int] = []
        self.written: list[int] = []

    def feed(self, ciphertext: bytes) -> None:
        self.fed.append(len(ciphertext))
        self.incoming.write(ciphertext)

    def take(self) -> bytes:
        return self.outgoing.read()

    def shake(self) -> bool:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            self.refused_certificate = b"a certificate"
            raise TLSError(f"the handshake failed: {error.reason}") from error
        return True

    def read(self) -> bytes | None:
        try:
            return self.tls.read(16384) or None
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLZeroReturnError:
            return None
        except ssl.SSLError as error:
            raise TLSError(f"a record is wrong: {error.reason}") from error

    def write(self, plaintext: bytes) -> None:
        self.written.append(len(plaintext))
        self.tls.write(plaintext)

    def say_goodbye(self) -> None:
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass

    def keep_session(self) -> None:
        self.say_goodbye()

    def proof(self) -> HandshakeProof:
        return HandshakeProof(self.tls.version() or "", "", "", resumed=bool(self.tls.session_reused))

    def peer_certificate(self) -> bytes:
        return self.tls.getpeercert(binary_form=True) or b""

    def psk_identity(self) -> str:
        return ""

    def session(self) -> object | None:
        return self.tls.session
