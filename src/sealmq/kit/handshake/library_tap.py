"""A TLS connection of any middleware, looked at from outside: what goes over the wire, opened with its keys.

tap.py has the same for Python's own `ssl`, which tells of each message. Other libraries say nothing, and need not: the
records are read where they pass, and where the library gives a connection's key log, they are opened with it. Without,
what TLS encrypts stays closed to us as to anybody else: the report then has what an eavesdropper has.

Rule 1: nobody is dialled without an authority to verify the broker by: a middleware never runs unverified.
Rule 2: what the library raises is passed on as it is: its words are the report's.
Rule 3: no key is kept that was not asked for: the key log is read where it lies, in the library's connection.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import replace
from pathlib import Path

from sealmq.errors import ConfigError
from sealmq.kit.dissect.conversation import Conversation, Sender
from sealmq.kit.dissect.keylog import KeyLog, read_key_log
from sealmq.kit.dissect.reading import Reading
from sealmq.kit.handshake.contexts import CLASSICAL, POST_QUANTUM, Credentials
from sealmq.tls.key_log import KeepsKeys, keep_keys, key_log_of
from sealmq.tls.middleware import TLS12, TLS13, ClientContext, ClientMaterial
from sealmq.tls.middlewares import find
from sealmq.tls.policy import TLSPolicy

_MOST_APPLICATION = 65_536
"""Bytes of application data that are kept of each end, as Reading does."""


class LibraryTap:
    """One client connection of a middleware. As Tap (tap.py): bytes in, bytes out.

    cpu: seconds of this thread's processor time that the library took until its handshake was done.
    """

    def __init__(self, context: ClientContext, *, server_name: str, session: object | None = None) -> None:
        """Raises ConfigError when the middleware could not verify that name."""
        self._context = context
        self._keeps_keys = isinstance(context, KeepsKeys)
        if self._keeps_keys:
            keep_keys(context)
        self.cpu = 0.0
        began = time.thread_time()
        self._connection = context.connection(server_name, session=session)
        self.cpu += time.thread_time() - began
        self._reading = Reading(self._key_log if self._keeps_keys else None)
        self._application = {Sender.CLIENT: b"", Sender.SERVER: b""}

    @property
    def established(self) -> bool:
        """Is the handshake done on our side?"""
        return self._connection.established

    @property
    def seen_by(self) -> str:
        """ "key log", or "wire" where the library gives no keys."""
        return "key log" if self._keeps_keys else "wire"

    @property
    def resumable(self) -> tuple[object, object] | None:
        """The context and the session by which the next connection may resume; None where there is none."""
        session = self._connection.session if self.established else None
        return None if session is None else (self._context, session)

    @property
    def resumed(self) -> bool:
        """Was a session taken up again?"""
        return self._connection.proof is not None and self._connection.proof.resumed

    @property
    def version(self) -> str:
        """As OpenSSL names it, "TLSv1.3"; "" before the handshake was done."""
        return self._connection.proof.version if self._connection.proof is not None else ""

    @property
    def shown(self) -> bool:
        """Has the broker proved itself by a certificate?"""
        return bool(self._connection.peer_certificate)

    @property
    def key_log(self) -> str:
        """The keys of this connection in the NSS key log format; "" where there are none."""
        return key_log_of(self._connection) if self._keeps_keys else ""

    def advance(self) -> None:
        """The hello waits already."""

    def receive_data(self, data: bytes, at: float) -> bytes:
        """Take in what the server sent; returns what it says inside, b"" during the handshake.

        Raises TLSError: what is to be told to the server still comes from `data_to_send`.
        """
        self._reading.receive_data(Sender.SERVER, data, at)
        with _Processor(self):
            inside = self._connection.receive_data(data)
        self._application[Sender.SERVER] = (self._application[Sender.SERVER] + inside)[:_MOST_APPLICATION]
        return inside

    def end(self, sender: Sender, at: float) -> None:
        """That end has closed its direction."""
        self._reading.end(sender, at)

    def send(self, data: bytes) -> None:
        """Encrypt it."""
        self._application[Sender.CLIENT] += data
        self._connection.send(data)

    def say_goodbye(self) -> None:
        """Queue close_notify."""
        self._connection.close()

    def data_to_send(self, at: float) -> bytes:
        """What has to go to the server; it goes now."""
        with _Processor(self):
            data = self._connection.data_to_send()
        if data:
            self._reading.receive_data(Sender.CLIENT, data, at)
        return data

    def conversation(self) -> Conversation:
        """All that was seen until now."""
        self._reading.look_again()
        return replace(self._reading.conversation, application=dict(self._application))

    def close(self) -> None:
        """Nothing is kept outside of the connection."""

    def _key_log(self, client_random: bytes) -> KeyLog:
        return read_key_log(self.key_log.splitlines(), wanted=[client_random])


class _Processor:
    """Counts the processor time of a block, while the handshake lasts."""

    def __init__(self, tap: LibraryTap) -> None:
        self._tap = tap

    def __enter__(self) -> None:
        self._counts = not self._tap.established
        self._began = time.thread_time()

    def __exit__(self, *_: object) -> None:
        if self._counts:
            self._tap.cpu += time.thread_time() - self._began


def title_of(middleware: str) -> str:
    """The library behind a middleware, and its version. Raises MiddlewareError when it is not to be had."""
    return find(middleware).abilities.title


def library_context(
    middleware: str, credentials: Credentials, *, version: str = "", ciphers: str = "", groups: str = ""
) -> ClientContext:
    """A device's context of that middleware. The rest as for `look_context` (contexts.py).

    Raises MiddlewareError when the library is missing or has not what is asked, ConfigError without an authority,
    TrustError when a file cannot be used.
    """
    found = find(middleware)
    if not credentials.verifies:
        raise ConfigError(
            f"the middleware {middleware} looks at no broker that it cannot verify",
            why="no authority was given, and none of them connects to somebody unproved",
            remedy="--cafile FILE with the broker's root certificate, or a --bundle; without --middleware nothing is "
            "verified",
        )
    material = _material(credentials)
    return found.client_context(_policy(middleware, version, ciphers, groups), material)


def _material(credentials: Credentials) -> ClientMaterial:
    if credentials.psk is not None:
        return ClientMaterial(psk=credentials.psk)
    return ClientMaterial(
        root=_root(credentials),
        chain=credentials.certificate,
        key=(credentials.key or credentials.certificate) if credentials.certificate is not None else None,
    )


def _policy(middleware: str, version: str, ciphers: str, groups: str) -> TLSPolicy:
    """What is asked for, as a policy: a middleware does no less than that."""
    if version in ("1.0", "1.1"):
        raise ConfigError(
            f"the middleware {middleware} does not speak TLS {version} here",
            why="only the look through Python's own ssl goes back so far",
            remedy="leave out --middleware",
        )
    known = TLSPolicy().suites
    chosen = tuple(word.upper() for word in ciphers.replace(",", ":").split(":") if word)
    if unknown := [word for word in chosen if word not in known]:
        raise ConfigError(
            f"the middleware {middleware} is asked for the cipher suite {unknown[0][:60]!r}, which is not allowed here",
            remedy=f"one or more of {', '.join(known)}",
        )
    if groups == POST_QUANTUM and version == "1.2":
        raise ConfigError("TLS 1.2 has no post-quantum groups", remedy="leave out 1.2")
    profile = "post-quantum" if groups == POST_QUANTUM else "modern" if version == "1.3" else "default"
    return TLSPolicy(
        profile=profile,
        suites=chosen or known,
        highest=TLS12 if version == "1.2" else TLS13,
        classical=groups == CLASSICAL,
    )


def _root(credentials: Credentials) -> Path:
    """The one file of authorities. Raises ConfigError where that is not one file."""
    if credentials.root is not None and not credentials.system:
        return credentials.root
    bundle = ssl.get_default_verify_paths().cafile
    if credentials.root is not None or bundle is None:
        raise ConfigError(
            "a middleware trusts the authorities of one file",
            why="--system-cas are many here, or stand beside --cafile",
            remedy="--cafile FILE with all of them, such as /etc/ssl/certs/ca-certificates.crt",
        )
    return Path(bundle)
