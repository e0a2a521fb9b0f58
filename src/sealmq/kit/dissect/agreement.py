"""What both ends have agreed on in their hellos, and the openers that follow from it and from the key log."""

from __future__ import annotations

import enum

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.dissect.hello import read_client_hello, read_server_hello
from sealmq.kit.dissect.keylog import (
    CLIENT_EARLY,
    CLIENT_HANDSHAKE,
    CLIENT_TRAFFIC,
    MASTER_SECRET,
    SERVER_HANDSHAKE,
    SERVER_TRAFFIC,
    KeyLog,
)
from sealmq.kit.dissect.opening import Opener, check_openable, opener_tls13, openers_tls12
from sealmq.kit.dissect.records import UnreadableError
from sealmq.kit.dissect.schedule import TLS13
from sealmq.kit.dissect.suites import suite_parts

_ENCRYPT_THEN_MAC = 22  # an extension, RFC 7366
_EARLY_DATA = 42  # an extension, RFC 8446 section 4.2.10


class Stage(enum.Enum):
    """Under which keys one end sends."""

    PLAIN = "none"
    EARLY = "those of early data"
    HANDSHAKE = "those of the handshake"
    APPLICATION = "those of application data"


_LABELS = {
    (Sender.CLIENT, Stage.HANDSHAKE): CLIENT_HANDSHAKE,
    (Sender.SERVER, Stage.HANDSHAKE): SERVER_HANDSHAKE,
    (Sender.CLIENT, Stage.APPLICATION): CLIENT_TRAFFIC,
    (Sender.SERVER, Stage.APPLICATION): SERVER_TRAFFIC,
}


class Agreement:
    """Read off the hellos that went over the wire in plaintext.

    version, suite: None until a ServerHello said them, of which a HelloRetryRequest is one.
    complete:       the ServerHello that is no HelloRetryRequest was there.
    early_data:     the client's last hello says that early data follow.
    """

    def __init__(self) -> None:
        self.client_random = b""
        self.server_random = b""
        self.version: int | None = None
        self.suite = 0
        self.complete = False
        self.early_data = False
        self.encrypt_then_mac = False
        self._offered: tuple[int, ...] = ()

    @property
    def tls13(self) -> bool:
        """TLS 1.3 was agreed on."""
        return self.version == TLS13

    def take_client_hello(self, message: bytes) -> None:
        """Raises TLSError when it can't be taken apart."""
        hello = read_client_hello(message)
        self.client_random = hello.random
        self.early_data = any(one.code == _EARLY_DATA for one in hello.extensions)
        self._offered = tuple(dict.fromkeys(hello.suites))

    def take_server_hello(self, message: bytes) -> None:
        """Raises TLSError when it can't be taken apart."""
        hello = read_server_hello(message)
        self.version = hello.version
        self.suite = hello.suite
        if not hello.is_retry:
            self.server_random = hello.random
            self.encrypt_then_mac = any(one.code == _ENCRYPT_THEN_MAC for one in hello.extensions)
            self.complete = True

    def label(self, sender: Sender, stage: Stage) -> str:
        """The key log's label for the secret of that stage; early data wait for that of the handshake."""
        if self.version != TLS13:
            return MASTER_SECRET
        return _LABELS.get((sender, stage)) or _LABELS[sender, Stage.HANDSHAKE]

    def opener(self, sender: Sender, stage: Stage, key_log: KeyLog | None) -> Opener | None:
        """The opener of what `sender` sends at that stage, None where the key log does not have its secret (yet).

        Raises UnreadableError where no secret would help.
        """
        if self.version is None:
            return None
        check_openable(self.version, self.suite)
        if key_log is None:
            return None
        if self.tls13:
            secret = key_log.find(self.client_random, self.label(sender, stage))
            return None if secret is None else opener_tls13(self.suite, secret)
        master_secret = key_log.find(self.client_random, MASTER_SECRET)
        if master_secret is None:
            return None
        randoms = self.client_random, self.server_random
        return openers_tls12(self.suite, master_secret, randoms, encrypt_then_mac=self.encrypt_then_mac)[sender]

    def early_openers(self, key_log: KeyLog | None) -> list[Opener]:
        """Those that may open early data; none where the key log does not have the secret (yet).

        Early data are protected by the suite of the earlier connection (RFC 8446 section 4.2.10), which is in no
        hello: it is one of those offered that have the secret's length.
        """
        secret = key_log.find(self.client_random, CLIENT_EARLY) if key_log else None
        if secret is None:
            return []
        found: list[Opener] = []
        for code in self._offered:
            suite = suite_parts(code)
            if suite is not None and suite.tls13:
                try:
                    found.append(opener_tls13(code, secret))
                except UnreadableError:
                    pass  # of another hash, or none that is opened here
        return found
