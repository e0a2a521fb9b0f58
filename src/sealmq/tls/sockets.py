"""Any middleware in place of Python's `ssl`, for programs that bring their own socket: paho-mqtt, aiomqtt, asyncio.

    SocketContext(client_context)   where they want an ssl.SSLContext
    its wrap_socket(...)            -> TLSSocket, where they want an ssl.SSLSocket

One class for all middlewares, above the verbs of a ClientConnection. What these programs rely on:

Rule 1: `pending()` tells the truth: select does not see plaintext that is decrypted already, nor an end that was read
        with it. When it is 0, the next `recv` waits for the network.
Rule 2: after "want write" the caller repeats the same data. It is encrypted already, and is not encrypted again.
Rule 3: the socket below never waits; we do, and a timeout is for a whole call, as `ssl` has it: a peer that sends a
        byte now and then cannot draw a handshake out. Waiting is by poll: select fails beyond descriptor 1,023.
Rule 4: the end of TCP ends every call. When writing fails, what the peer has said before it went is read: an alert.
Rule 5: nothing here turns verification off, and no call connects to a name that is not checked. What is refused is no
        ValueError before the handshake: paho-mqtt would try again without the name.
Rule 6: connections of a ClientContext share buffers, and belong to one thread; each client of paho-mqtt has its own. So
        all sockets of a context have one lock, which is held while the library works, never while somebody waits.
"""

from __future__ import annotations

import errno
import select
import socket
import ssl
import threading
from collections.abc import Callable
from math import ceil
from time import monotonic  # noqa: TID251 - rule 3: a timeout is kept where the waiting is, as in `ssl`
from typing import Any, Final, TypeVar

from sealmq.errors import ConfigError, Error, TLSError
from sealmq.tls.middleware import ClientConnection, ClientContext
from sealmq.tls.socket_errors import Refused, cut_off, in_words, refused, want_read, want_write

PIECE: Final = 65_536
"""Bytes that are read, and bytes of plaintext that are encrypted, at once: a connection holds no more of either."""

LAST_PIECES: Final = 16
"""Pieces that are read of a peer that is gone, to find its last words."""

_T = TypeVar("_T")


class SocketContext:
    """A ClientContext in the place of an ssl.SSLContext."""

    def __init__(self, context: ClientContext) -> None:
        self._context = context
        self.lock = threading.RLock()  # rule 6

    @property
    def check_hostname(self) -> bool:
        """Always."""
        return True

    @check_hostname.setter
    def check_hostname(self, wanted: bool) -> None:
        if not wanted:
            raise ConfigError(
                "the name in the broker's certificate is always checked",
                why="without it anybody with a certificate of the same authority could stand there",
                remedy="dial a name that the broker's certificate carries",
            )

    @property
    def verify_mode(self) -> ssl.VerifyMode:
        """Always CERT_REQUIRED."""
        return ssl.CERT_REQUIRED

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | None = None,
        session: object | None = None,
    ) -> TLSSocket:
        """See ssl.SSLContext. The socket is connected already, and belongs to what is returned.

        Raises TypeError without a name, ssl.SSLError when this middleware cannot check such a name; then it is closed.
        """
        if server_side or not server_hostname:
            raise TypeError(
                "this is a client's context, and server_hostname is needed: what is not named is not checked"
            )
        try:
            with self.lock:
                tls = self._context.connection(server_hostname, session=session)
        except Error as error:
            sock.close()
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, in_words(error)) from error
        wrapped = TLSSocket(sock, tls, self, server_hostname, suppress_ragged_eofs=suppress_ragged_eofs)
        if do_handshake_on_connect:
            wrapped.do_handshake()
        return wrapped


class TLSSocket:
    """A ClientConnection on a socket, in the place of an ssl.SSLSocket."""

    server_side = False

    def __init__(
        self,
        raw: socket.socket,
        tls: ClientConnection,
        context: SocketContext,
        server_hostname: str,
        *,
        suppress_ragged_eofs: bool = True,
    ) -> None:
        """suppress_ragged_eofs: an end without close_notify looks like one with it, as in `ssl`."""
        self.context = context
        self.server_hostname = server_hostname
        self.family, self.type, self.proto = raw.family, raw.type, raw.proto
        self._timeout = raw.gettimeout()
        raw.setblocking(False)
        if raw.family in (socket.AF_INET, socket.AF_INET6):
            # Some libraries write a flight in pieces: Nagle and a delayed ACK would cost 40 ms for each handshake.
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._raw = raw
        self._tls = tls
        self._suppress_ragged_eofs = suppress_ragged_eofs
        self._lock = context.lock
        self._unsent = memoryview(b"")
        self._unread = memoryview(b"")
        self._owed = 0  # bytes of plaintext that were encrypted, and of which the caller has not heard (rule 2)
        self._refused: Refused | None = None
        self._is_over = False  # TCP has ended
        self._end_is_told = False

    # -- what programs call ------------------------------------------------------------------------------------------

    def do_handshake(self, block: bool = False) -> None:
        """See ssl.SSLSocket. Raises ssl.SSLCertVerificationError, ssl.SSLError, ssl.SSLEOFError, TimeoutError, OSError;
        then the socket is closed, as paho-mqtt lets go of it without."""
        try:
            self._until(self._shake)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError:
            self._raw.close()
            raise

    def recv(self, size: int = 1024, flags: int = 0) -> bytes:
        """See ssl.SSLSocket. b"" at the end."""
        _expect_no_flags(flags)
        return self._until(self._read, size) if size > 0 else b""

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """See ssl.SSLSocket."""
        view = memoryview(buffer).cast("B")
        data = self.recv(min(nbytes or len(view), len(view)), flags)
        view[: len(data)] = data
        return len(data)

    def send(self, data: Any, flags: int = 0) -> int:
        """See ssl.SSLSocket. How many bytes were taken; the rest is to be given again."""
        _expect_no_flags(flags)
        view = memoryview(data).cast("B")
        return self._until(self._write, view) if view else 0

    def sendall(self, data: Any, flags: int = 0) -> None:
        """See ssl.SSLSocket."""
        view = memoryview(data).cast("B")
        while view:
            view = view[self.send(view, flags) :]

    def pending(self) -> int:
        """Bytes that `recv` gives without waiting; 1 when it would say without waiting that this is the end."""
        with self._lock:
            return len(self._unread) or int(self._has_ended() and not self._end_is_told)

    def close(self) -> None:
        """Say close_notify if the network takes it at once, and close."""
        with self._lock:
            if self._raw.fileno() >= 0:
                self._tls.close()
                self._flush_softly()
            self._raw.close()
            self._unread = memoryview(b"")
            self._end_is_told = True

    def unwrap(self) -> socket.socket:
        """Say close_notify, and give the socket back as it was given. Raises as `send`."""
        with self._lock:
            self._tls.close()
        self._until(self._flush)
        self._raw.settimeout(self._timeout)
        return self._raw

    def shutdown(self, how: int) -> None:
        """See socket.socket."""
        self._raw.shutdown(how)

    def fileno(self) -> int:
        """See socket.socket. -1 once closed."""
        return self._raw.fileno()

    def settimeout(self, seconds: float | None) -> None:
        """See socket.socket: None waits for ever, 0 never."""
        if seconds is not None and seconds < 0:
            raise ValueError("a timeout is not below 0")
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        """See socket.socket."""
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        """See socket.socket."""
        self._timeout = None if flag else 0.0

    def getblocking(self) -> bool:
        """See socket.socket."""
        return self._timeout != 0

    def getsockname(self) -> Any:
        """See socket.socket."""
        return self._raw.getsockname()

    def getpeername(self) -> Any:
        """See socket.socket."""
        return self._raw.getpeername()

    def setsockopt(self, *arguments: Any) -> None:
        """See socket.socket."""
        self._raw.setsockopt(*arguments)

    def getsockopt(self, *arguments: Any) -> Any:
        """See socket.socket."""
        return self._raw.getsockopt(*arguments)

    def version(self) -> str | None:
        """ "TLSv1.2" or "TLSv1.3"; None before the handshake is done."""
        return self._tls.proof.version if self._tls.proof is not None else None

    def cipher(self) -> tuple[str, str, int | None] | None:
        """The suite, in the middleware's spelling, the version, and None for its bits, which nobody here knows."""
        proof = self._tls.proof
        return (proof.cipher, proof.version, None) if proof is not None else None

    def group(self) -> str:
        """The key exchange group; "" where the middleware cannot tell."""
        return self._tls.proof.group if self._tls.proof is not None else ""

    def getpeercert(self, binary_form: bool = False) -> bytes | None:
        """The broker's certificate, DER. Raises TypeError unless `binary_form`: nobody here takes it apart."""
        if not binary_form:
            raise TypeError("the certificate is to be had as DER only: getpeercert(binary_form=True)")
        return self._tls.peer_certificate or None

    def selected_alpn_protocol(self) -> None:
        """None: ALPN is not used."""

    @property
    def session(self) -> object | None:
        """For `wrap_socket(session=)` of the same context; it holds secrets."""
        return self._tls.session

    @property
    def session_reused(self) -> bool:
        """Was one resumed?"""
        return self._tls.proof is not None and self._tls.proof.resumed

    def __enter__(self) -> TLSSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- one step each: as far as it goes without waiting ------------------------------------------------------------

    def _shake(self) -> None:
        self._flush()
        if not self._tls.established:
            self._expect_no_end()
            self._fill()
            self._flush()
            if not self._tls.established:
                self._expect_no_end()
                raise want_read()

    def _read(self, size: int) -> bytes:
        if not self._unread:
            self._flush_softly()
            if not self._has_ended():
                self._fill()  # once: a peer that sends what carries nothing must not keep us from looking at the time
        if self._unread:
            data = bytes(self._unread[:size])
            self._unread = self._unread[size:]
            return data
        if not self._has_ended():
            raise want_read()
        self._end_is_told = True
        shaking = not self._tls.established
        if self._refused is not None:
            raise self._refused.exception(shaking=shaking)
        if shaking or not (self._tls.closed or self._suppress_ragged_eofs):
            raise cut_off(shaking=shaking)
        return b""

    def _write(self, data: memoryview) -> int:
        if self._refused is not None:
            raise self._refused.exception(shaking=False)
        self._flush()
        if not self._tls.established:
            self._shake()
        if not self._owed:
            self._owed = min(len(data), PIECE)
            self._tls.send(bytes(data[: self._owed]))
            self._flush()
        taken, self._owed = self._owed, 0
        if taken > len(data):
            raise ssl.SSLError(
                ssl.SSL_ERROR_SSL, "bad write retry: after 'want write' the same data is to be given again"
            )
        return taken

    def _flush(self) -> None:
        """Everything that TLS has to say, into the kernel."""
        while self._unsent or self._encrypt():
            try:
                self._unsent = self._unsent[self._raw.send(self._unsent) :]
            except (BlockingIOError, InterruptedError):
                raise want_write() from None
            except OSError as error:
                self._hear_out(error)
                raise

    def _encrypt(self) -> bool:
        self._unsent = memoryview(self._tls.data_to_send())
        return bool(self._unsent)

    def _flush_softly(self) -> None:
        """As much as goes; whoever reads hears of a failure by reading."""
        try:
            self._flush()
        except OSError:
            pass

    def _fill(self) -> None:
        """Read once. Raises SSLWantReadError when nothing is there, ssl.SSLError when it is not as it must be."""
        try:
            ciphertext = self._raw.recv(PIECE)
        except (BlockingIOError, InterruptedError):
            raise want_read() from None
        if not ciphertext:
            self._is_over = True
            return
        self._decrypt(ciphertext)

    def _decrypt(self, ciphertext: bytes) -> None:
        shaking = not self._tls.established
        try:
            plaintext = self._tls.receive_data(ciphertext)
        except TLSError as error:
            self._refused = refused(error)
            self._end_is_told = True
            self._flush_softly()  # the alert
            raise self._refused.exception(shaking=shaking) from error
        self._unread = memoryview(bytes(self._unread) + plaintext if self._unread else plaintext)

    def _hear_out(self, error: OSError) -> None:
        """The peer takes nothing any more: has it said why? Then that is raised, in place of `error`."""
        if self._refused is not None or self._is_over:
            return
        try:
            for _ in range(LAST_PIECES):
                if not (ciphertext := self._raw.recv(PIECE)):
                    break
                self._decrypt(ciphertext)
        except ssl.SSLError:
            raise
        except OSError:
            pass  # it has said nothing more
        self._is_over = True

    # -- the end, and waiting ----------------------------------------------------------------------------------------

    def _has_ended(self) -> bool:
        return self._is_over or self._tls.closed or self._refused is not None

    def _expect_no_end(self) -> None:
        """In the handshake."""
        if self._refused is not None:
            raise self._refused.exception(shaking=True)
        if self._is_over:
            raise cut_off(shaking=True)

    def _until(self, step: Callable[..., _T], *arguments: Any) -> _T:
        """Take a step until it is done, and wait in between: no longer than the timeout, all in all."""
        timeout = self._timeout
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            try:
                with self._lock:
                    return step(*arguments)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as want:
                if timeout == 0:
                    raise
                reads = isinstance(want, ssl.SSLWantReadError)
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                raise TimeoutError("timed out: the broker did not answer")
            self._wait(reads, left)

    def _wait(self, reads: bool, seconds: float | None) -> None:
        number = self._raw.fileno()
        if number < 0:
            raise OSError(errno.EBADF, "the socket was closed while somebody waited for it")
        poll = select.poll()
        poll.register(number, (select.POLLIN if reads else select.POLLOUT) | (select.POLLOUT if self._unsent else 0))
        poll.poll(None if seconds is None else ceil(seconds * 1000))


def _expect_no_flags(flags: int) -> None:
    if flags:
        raise ValueError("flags are not possible with TLS")
