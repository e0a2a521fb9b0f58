"""One connection of Mbed TLS 2.28: an Engine (memory.py) over python-mbedtls' MbedTLSBuffer.

Rule 1: its ring buffers hold 32 KiB: they are drained after every call, so that none is ever full.
Rule 2: it tells neither why it refused a certificate nor which alerts passed. In TLS 1.2 both stand in the clear, in
        the alert, as long as there are no keys (clear_alerts.py).
Rule 3: with the peer's goodbye, and with any error, it forgets the connection: what is to be known is asked before.
Rule 4: its list of curves cannot be shortened. A handshake that comes to a curve which is not allowed here ends before
        anything is sent under it (`_expect_good_group`).
"""

from __future__ import annotations

from typing import Any, Final

from sealmq.errors import TLSError
from sealmq.tls.alerts import ALERTS, BY_NAME
from sealmq.tls.clear_alerts import ClearAlerts, clear_alert
from sealmq.tls.mbedtls2.library import Package
from sealmq.tls.mbedtls2.refusals import as_new
from sealmq.tls.mbedtls3.refusals import CLOSE_NOTIFY, FATAL_ALERT, Failure, alert_for, explain
from sealmq.tls.mbedtls3.suites import from_mbedtls
from sealmq.tls.middleware import TLS12, HandshakeProof
from sealmq.tls.policy import RECORD_LIMIT
from sealmq.tls.refusals import VERIFY_CODES
from sealmq.tls.seen_group import SeenGroup

GOOD_GROUPS: Final = ("x25519", "secp256r1", "secp384r1", "secp521r1", "")
"""None ("") is that of a handshake with a key alone."""

_STUCK: Final = 0x6C00
_NO_FLAW: Final = 0
_FLAWS: Final = {
    "bad_certificate": 0x04,
    "unsupported_certificate": 0x1000,
    "certificate_expired": 0x01,
    "certificate_revoked": 0x02,
    "unknown_ca": 0x08,
}
"""The alert with which Mbed TLS refuses a certificate -> the flaw that it found (mbedtls3/refusals.py)."""


class Identities(dict[str, bytes]):
    """What python-mbedtls takes for a dictionary of keys. It asks for one in the middle of a handshake.

    asked: the identity whose key was given last.
    """

    def __init__(self, lookup: Any) -> None:
        super().__init__()
        self._lookup = lookup
        self.asked = ""

    def __getitem__(self, identity: str) -> bytes:
        """The key. Raises KeyError, which ends the handshake."""
        key = self._lookup(identity)
        if key is None:
            raise KeyError(identity)
        self.asked = identity
        return bytes(key)


class Mbed2Engine:
    """One side of one connection. Made by contexts.py."""

    __slots__ = (
        "_buffer",
        "_certificate",
        "_heard",
        "_host",
        "_identities",
        "_identity",
        "_package",
        "_peer",
        "_psk",
        "_said",
        "_seen",
        "_sent",
        "_server",
        "_shaking",
        "refused_certificate",
    )

    def __init__(
        self,
        package: Package,
        buffer: Any,
        *,
        server: bool,
        psk: bool,
        identities: Identities | None = None,
        host: str = "",
    ) -> None:
        """
        buffer:     the MbedTLSBuffer; it holds its context.
        psk:        a key is what proves the two.
        identities: a listener's.
        host:       a device's: what the broker's certificate must carry.
        """
        self._package = package
        self._buffer = buffer
        self._server = server
        self._peer = "device" if server else "broker"
        self._psk = psk
        self._identities = identities
        self._host = host.lower()
        self._identity = ""
        self._certificate = b""
        self._said: list[bytes] = []
        self._sent, self._heard = ClearAlerts(), ClearAlerts()
        self._seen = SeenGroup()
        self._shaking = True
        self.refused_certificate = b""

    def feed(self, ciphertext: bytes) -> None:
        """See Engine."""
        if self._shaking:
            self._heard.look(ciphertext)
            if not self._server:
                self._seen.look(ciphertext)
        self._buffer.receive_from_network(ciphertext)

    def take(self) -> bytes:
        """See Engine."""
        self._drain()
        ciphertext = b"".join(self._said)
        self._said.clear()
        return ciphertext

    def shake(self) -> bool:
        """See Engine."""
        over = self._package.tls.HandshakeStep.HANDSHAKE_OVER
        if self._identities is not None:
            self._identities.asked = ""
        while self._buffer._handshake_state is not over:
            if not self._step():
                self._remember_identity()
                return False
        self._remember_identity()
        self._drain()
        self._certificate = self._buffer.getpeercert(binary_form=True) or b""
        self._expect_no_wide_name()
        self._shaking = False
        return True

    def read(self) -> bytes | None:
        """See Engine."""
        tls = self._package.tls
        plaintext = bytearray(RECORD_LIMIT)
        while True:
            here = len(self._buffer._input_buffer)
            try:
                size = self._buffer.readinto(memoryview(plaintext), RECORD_LIMIT)
            except (tls.WantReadError, tls.WantWriteError, tls.RaggedEOF):
                size = 0
            except self._package.errors as error:
                code = _code(error)
                if code == CLOSE_NOTIFY:
                    return None
                raise self._failure(code, error) from None
            finally:
                self._drain()
            if size:
                return bytes(plaintext[:size])
            if len(self._buffer._input_buffer) == here:
                return b""

    def write(self, plaintext: bytes) -> None:
        """See Engine. In several records when the peer has asked for small ones (RFC 6066 section 4)."""
        while plaintext:
            try:
                size = self._buffer.write(plaintext)
            except self._package.errors as error:
                raise self._failure(_code(error), error) from None
            finally:
                self._drain()
            plaintext = plaintext[size:]

    def say_goodbye(self) -> None:
        """See Engine. Once the peer has said it, the package has forgotten the connection, and says nothing."""
        try:
            self._buffer.shutdown()
        except self._package.errors:
            pass
        self._drain()

    def keep_session(self) -> None:
        """See Engine. There are none."""

    def proof(self) -> HandshakeProof:
        """See Engine."""
        cipher = self._buffer.cipher()
        name = cipher.decode("ascii") if isinstance(cipher, bytes) else str(cipher)
        return HandshakeProof(version=TLS12, cipher=from_mbedtls(name), group=self._seen.name, resumed=False)

    def peer_certificate(self) -> bytes:
        """See Engine."""
        return self._certificate

    def psk_identity(self) -> str:
        """See Engine."""
        return self._identity

    def session(self) -> None:
        """See Engine."""

    def _step(self) -> bool:
        """One step of the handshake. False when more must come first. Raises TLSError."""
        tls, buffer = self._package.tls, self._buffer
        before = buffer._handshake_state, len(buffer._input_buffer)
        try:
            buffer.do_handshake()
        except (tls.WantReadError, tls.WantWriteError, tls.RaggedEOF):
            pass
        except self._package.errors as error:
            self._drain()
            raise self._failure(_code(error), error) from None
        drained = self._drain()
        self._expect_good_group()
        return drained or before != (buffer._handshake_state, len(buffer._input_buffer))

    def _drain(self) -> bool:
        """Take what is to be sent out of the ring buffer. False when there was nothing."""
        size = len(self._buffer._output_buffer)
        if not size:
            return False
        ciphertext = bytes(self._buffer.peek_outgoing(size))
        self._buffer.consume_outgoing(size)
        if self._shaking:
            self._sent.look(ciphertext)
            if self._server:
                self._seen.look(ciphertext)
        self._said.append(ciphertext)
        return True

    def _remember_identity(self) -> None:
        if self._identities is not None and self._identities.asked:
            self._identity = self._identities.asked

    def _expect_no_wide_name(self) -> None:
        """Mbed TLS takes "*.com" for "x.com": no wildcard may stand for all of a top-level domain (RFC 9525
        section 7.1). It can be seen once the handshake is done: before anything else is said."""
        if self._host.count(".") != 1:
            return
        names = self._package.x509.CRT.from_DER(self._certificate).subject_alternative_names
        if any(name.startswith("*.") for name in names) and self._host not in {name.lower() for name in names}:
            self.say_goodbye()
            raise TLSError(
                VERIFY_CODES[62].what.format(peer=self._peer),
                "close_notify",
                why="a wildcard in it would stand for all of a top-level domain",
                remedy=VERIFY_CODES[62].remedy,
            )

    def _expect_good_group(self) -> None:
        if self._seen.name in GOOD_GROUPS:
            return
        self._said.clear()  # of the flight that offers this group
        self._said.append(clear_alert(BY_NAME["handshake_failure"].number))
        raise TLSError(
            f"the {self._peer} has no key exchange group that is allowed here",
            "handshake_failure",
            why=f"Mbed TLS came to {self._seen.name} with it",
            remedy="turn on P-256 (secp256r1) or X25519",
        )

    def _failure(self, code: int, error: Exception) -> TLSError:
        """Say why, and send the alert that Mbed TLS has not sent."""
        sent, received = self._sent.alert, self._heard.alert if code == FATAL_ALERT else -1
        flags = _FLAWS.get(ALERTS[sent].name, _NO_FLAW) if sent in ALERTS else _NO_FLAW
        text = str(getattr(error, "msg", "")) or str(error)
        failure = Failure(
            -as_new(code),
            text,
            version=TLS12,
            flags=flags,
            psk=self._psk and self._shaking,
            sent=sent,
            received=received,
            own=code,
        )
        name = alert_for(failure)
        if self._shaking and sent < 0 and not self._sent.encrypted and code not in (FATAL_ALERT, CLOSE_NOTIFY) and name:
            self._said.append(clear_alert(BY_NAME[name].number))
        return explain(failure, peer=self._peer)


def _code(error: Exception) -> int:
    """Mbed TLS's number, without its sign."""
    return abs(int(getattr(error, "err", None) or _STUCK))
