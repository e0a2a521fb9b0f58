"""One connection, watched: what it speaks is told by its first byte, then whoever knows that language reads on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sealmq.errors import TLSError
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.events import Event, Tell
from sealmq.kit.eavesdrop.exposures import exposures_of_plaintext
from sealmq.kit.eavesdrop.framing import Kind, kind_of
from sealmq.kit.eavesdrop.plaintext import Plaintext
from sealmq.kit.eavesdrop.sealed import Links, Sealed
from sealmq.kit.eavesdrop.sight import Sight
from sealmq.kit.eavesdrop.tamper import How, Tamper, tamper_for
from sealmq.kit.handshake.exposures import in_words
from sealmq.tls.first_bytes import check_first_bytes

METERED: Final = 1 << 20
"""Bytes of each end whose entropy is measured: more of them tell no more, and cost time."""

_WHO: Final = {Sender.CLIENT: "the device", Sender.SERVER: "the broker"}


class Watch:
    """Who watches one connection (relay.Watcher).

    number: of the connection, 1 first. peer: who came, in words.
    tell:   where events go. done: takes the sight of it once it is over. finished: asked once it is over in any way.
    links:  what links connections, shared by all of them. how: the attack to try, None for none.
    """

    def __init__(
        self,
        number: int,
        peer: str,
        *,
        tell: Tell,
        done: Callable[[Sight], None],
        links: Links,
        how: How | None = None,
        show_secrets: bool = False,
        finished: Callable[[], None] = lambda: None,
    ) -> None:
        self._sight = Sight(number)
        self._peer = peer
        self._tell = tell
        self._done = done
        self._links = links
        self._how = how
        self._show_secrets = show_secrets
        self._finished = finished
        self._tamper: Tamper | None = None
        self._told_attempt = False
        self._observer: Plaintext | Sealed | None = None
        self._at = 0.0
        self._began = False

    def connected(self, at: float) -> None:
        """The broker answered."""
        self._at = at
        self._say(
            None, "opened", f"{self._peer} is here, and the broker answered after {at * 1000:.1f} ms", peer=self._peer
        )

    def change(self, sender: Sender, data: bytes, at: float) -> bytes:
        """The attack, if one was asked for."""
        self._begin(sender, data, at)
        return data if self._tamper is None else self._tamper.change(sender, data, at)

    def receive_data(self, sender: Sender, data: bytes, at: float) -> None:
        """Read what came from `sender`, before anything was changed."""
        self._at = at
        sight = self._sight
        if sight.kind is Kind.PLAINTEXT and sight.sent[sender] < METERED:
            sight.meters[sender].add(data[: METERED - sight.sent[sender]])
        sight.sent[sender] += len(data)
        if self._observer is not None:
            self._observer.receive_data(sender, data, at)
        self._tell_attempt()

    def ended(self, sender: Sender, at: float, why: str) -> None:
        """One end sends no more."""
        self._at = at
        self._say(sender, "ended", f"{_WHO[sender]} {'broke off' if why == 'reset' else 'is done'}", how=why)
        if self._tamper is not None:
            self._tamper.ended(sender, at)
        self._tell_attempt()

    def over(self, at: float, failure: str) -> None:
        """Nothing will come any more."""
        self._at = at
        sight = self._sight
        sight.over = at
        if self._tamper is not None:
            self._tamper.over(at)
            self._tell_attempt()
        if failure:
            self._say(None, "unreachable", f"the broker cannot be reached: {failure}", why=failure)
            self._finished()
            return
        up, down = (in_words(sight.sent[sender], "byte") for sender in (Sender.CLIENT, Sender.SERVER))
        self._say(None, "closed", f"over after {at:.3f} s: {up} from the device, {down} from the broker")
        if isinstance(self._observer, Sealed):
            sight.exposures = self._observer.exposures()
        elif sight.kind is Kind.PLAINTEXT:
            sight.exposures = exposures_of_plaintext(sight)
        self._done(sight)
        self._finished()

    def _begin(self, sender: Sender, data: bytes, at: float) -> None:
        """The first byte of the device says what it speaks."""
        if self._began or sender is not Sender.CLIENT:
            return
        self._began = True
        self._at = at
        kind = self._sight.kind = kind_of(data[0])
        if kind is Kind.PLAINTEXT:
            self._observer = Plaintext(self._sight, self._say_read, show_secrets=self._show_secrets)
            line = "MQTT without encryption: whoever is on the way reads it all"
        elif kind is Kind.TLS:
            self._observer = Sealed(self._sight, self._say_read, self._links)
            line = "TLS: what is said inside, nobody on the way can read"
        else:
            line = _other(data)
        if self._how is not None:
            self._tamper = tamper_for(kind, self._how)
        self._say(Sender.CLIENT, "speaks", line, language=kind.value)

    def _tell_attempt(self) -> None:
        attempt = self._tamper.attempt if self._tamper is not None else None
        if attempt is None:
            return
        if not self._told_attempt:
            self._told_attempt = True
            self._say(None, "tampered", attempt.what, how=attempt.how)
        if attempt.outcome and self._sight.attempt is not attempt:
            self._sight.attempt = attempt
            self._say(None, "outcome", attempt.outcome, verdict=attempt.verdict)

    def _say_read(self, sender: Sender, name: str, line: str, details: tuple[tuple[str, str], ...]) -> None:
        self._tell(
            Event(connection=self._sight.number, at=self._at, sender=sender, name=name, line=line, details=details)
        )

    def _say(self, sender: Sender | None, name: str, line: str, **details: str) -> None:
        shown = tuple(details.items())
        self._tell(
            Event(connection=self._sight.number, at=self._at, sender=sender, name=name, line=line, details=shown)
        )


def _other(data: bytes) -> str:
    try:
        check_first_bytes(data)
    except TLSError as error:
        return f"neither MQTT nor TLS: {error.what.rpartition('this looks like ')[2]}"
    return "neither MQTT nor a TLS handshake"
