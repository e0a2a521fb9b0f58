"""What comes to one side alone, from nobody who speaks TLS with it: noise, silence, another protocol, an end in the
middle, a record that was altered or sent twice.

Rule: whatever comes, each call ends; nothing is established, nothing is read that was not proved, and what is over
stays over.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sealmq.errors import TLSError
from sealmq.kit.middleware.cases import POLICIES, MismatchError, expect, in_words, of_broker
from sealmq.kit.middleware.material import Material
from sealmq.kit.middleware.meeting import Meeting, Side
from sealmq.kit.middleware.outcome import Outcome, Result
from sealmq.tls.middleware import Middleware, TLSConnection, Version

Fresh = Callable[[], TLSConnection]
"""Makes the side that is tried: its handshake has not begun."""

Together = Callable[[], Meeting]
"""Makes it with a peer of the same library; their handshake has not begun."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """One case. attempt: raises MismatchError, or returns the error by which it was refused, None where it was waited
    out."""

    id: str
    title: str
    attempt: Callable[[Fresh, Together, bool], TLSError | None]


def try_stranger(
    stranger: Stranger, version: Version, middleware: Middleware, material: Material, *, is_server: bool
) -> Result:
    """Try one side of a middleware."""
    names = ("", middleware.name) if is_server else (middleware.name, "")

    def result(outcome: Outcome, why: str, alert: str = "") -> Result:
        return Result(stranger.id, version, *names, outcome, why, alert)

    if version not in middleware.abilities.versions:
        return result(Outcome.IMPOSSIBLE, f"{middleware.name} has no {version.replace('TLSv', 'TLS ')}")
    listener = middleware.server_context(POLICIES[version], of_broker(middleware, material))
    device = middleware.client_context(POLICIES[version], material.good.client())

    def client() -> TLSConnection:
        return device.connection(material.good.host)

    try:
        error = stranger.attempt(
            listener.connection if is_server else client,
            lambda: Meeting(client(), listener.connection()),
            is_server,
        )
    except Exception as wrong:
        return result(Outcome.FAILED, in_words(wrong))
    if error is None:
        return result(Outcome.REFUSED, "nothing was said, and nothing was taken")
    return result(Outcome.REFUSED, error.what, error.alert)


def _feed(side: TLSConnection, data: bytes) -> TLSError | None:
    """Give it to the side, flush it, and say by what it ended."""
    try:
        plaintext = side.receive_data(data)
    except TLSError as error:
        failure: TLSError | None = error
    else:
        failure = None
        expect(plaintext == b"", "it has read something that nobody has proved")
    side.data_to_send()
    expect(not side.established, "it takes this for a handshake")
    expect(side.peer_certificate == b"", "it has a certificate that nobody has proved")
    if failure is not None:
        _stays_over(side)
    return failure


def _stays_over(side: TLSConnection) -> None:
    side.send(b"too late")
    side.data_to_send()
    try:
        side.receive_data(b"\x17\x03\x03\x00\x01x")
    except TLSError:
        return
    raise MismatchError("it was refused, and goes on")


def _silence(fresh: Fresh, together: Together, is_server: bool) -> None:
    side = fresh()
    hello = side.data_to_send()
    expect(
        bool(hello) is not is_server, "the client has no ClientHello" if not is_server else "the server speaks first"
    )
    for _ in range(1_000):
        expect(side.receive_data(b"") == b"", "it has read something")
        expect(side.data_to_send() == b"", "it speaks without being spoken to")
    expect(not side.established, "it takes silence for a handshake")
    side.close()
    side.data_to_send()


def _garbage(fresh: Fresh, together: Together, is_server: bool) -> TLSError | None:
    dice = random.Random(7)  # noqa: S311 - the same noise each time
    last = None
    for _ in range(20):
        side = fresh()
        side.data_to_send()
        failure = _feed(side, b"\x00" + dice.randbytes(600))
        last = failure or last
        expect(failure is not None, "it goes on with what cannot be TLS")
    return last


def _garbage_in_records(fresh: Fresh, together: Together, is_server: bool) -> TLSError | None:
    dice = random.Random(11)  # noqa: S311
    last = None
    for content_type in (20, 21, 22, 23, 24):
        for _ in range(10):
            side = fresh()
            side.data_to_send()
            body = dice.randbytes(dice.randrange(1, 700))
            record = bytes((content_type, 3, 3)) + len(body).to_bytes(2, "big") + body
            last = _feed(side, record * 3) or last
    expect(last is not None, "it has taken all of it")
    return last


def _flood(record: bytes) -> Callable[[Fresh, Together, bool], TLSError | None]:
    """The same small record, as often as somebody has patience to send it."""

    def attempt(fresh: Fresh, together: Together, is_server: bool) -> TLSError | None:
        side = fresh()
        side.data_to_send()
        said = 0
        for _ in range(100):
            try:
                expect(side.receive_data(record * 100) == b"", "it has read something")
            except TLSError as error:
                side.data_to_send()
                _stays_over(side)
                return error
            said += len(side.data_to_send())
            expect(said < _FEW, f"it has answered with {said} bytes")
            expect(not side.established, "it takes this for a handshake")
        return None

    return attempt


def _endless_message(fresh: Fresh, together: Together, is_server: bool) -> TLSError | None:
    """A hello of 16 MB, as its length says: nobody may keep more of it than a hello can have."""
    side = fresh()
    side.data_to_send()
    hello = bytes((1 if is_server else 2,)) + b"\xff\xff\xff\x03\x03" + bytes(16_378)
    for number in range(_MOST_OF_A_HELLO // 16_384):
        body = bytes(16_384) if number else hello
        if failure := _feed(side, b"\x16\x03\x03\x40\x00" + body):
            return failure
    raise MismatchError(f"it has taken {_MOST_OF_A_HELLO:,} bytes of one message, and waits for more")


def _http(fresh: Fresh, together: Together, is_server: bool) -> TLSError | None:
    side = fresh()
    side.data_to_send()
    answer = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" if is_server else b"HTTP/1.1 400 Bad Request\r\n\r\n"
    failure = _feed(side, answer)
    expect(failure is not None and "HTTP" in failure.what, "it does not see that this is HTTP")
    return failure


def _mqtt(fresh: Fresh, together: Together, is_server: bool) -> TLSError | None:
    side = fresh()
    side.data_to_send()
    failure = _feed(side, bytes.fromhex("100f00044d51545405020000000000") if is_server else b"\x20\x02\x00\x00")
    expect(failure is not None and "MQTT" in failure.what, "it does not see that this is MQTT")
    return failure


def _cut(fresh: Fresh, together: Together, is_server: bool) -> None:
    """The first flight of the peer, cut at many places; then TCP is gone."""
    places = 0
    for part in range(0, 100, 9):
        meeting = together()
        side, peer = _sides(meeting, is_server)
        if is_server:
            flight = peer.speak()
        else:
            peer.listen(side.speak())
            flight = peer.speak()
        expect(flight, "the peer has nothing to say")
        side.listen(flight[: len(flight) * part // 100])
        if side.error is not None:
            raise MismatchError(f"cut at {part} %: {in_words(side.error)}")
        expect(not side.connection.established, f"cut at {part} %, it takes this for a handshake")
        side.connection.keep_session()
        expect(not side.connection.closed, "it was cut off, and takes that for a goodbye")
        places += 1
    expect(places, "nothing was tried")


def _altered_handshake(fresh: Fresh, together: Together, is_server: bool) -> TLSError | None:
    """A bit in each record of what the peer says first is changed, one at a time: the two must not come together."""
    last, place, more = None, 0, True
    while more:
        more = False

        def change(flight: bytes, place: int = place) -> bytes:
            nonlocal more
            middles = list(_middles(flight))
            more = place + 1 < len(middles)
            return _flip(flight, middles[place])

        meeting = together()
        side, peer = _sides(meeting, is_server)
        meeting.settle(**{"to_server" if is_server else "to_client": _once(change)})
        both = side.connection.established and peer.connection.established
        expect(not both, f"a changed bit in record {place + 1} was not missed")
        last = side.error or peer.error or last
        place += 1
    if last is None:
        raise MismatchError("nobody says that the handshake has failed")
    return last


def _middles(flight: bytes) -> Iterator[int]:
    """The place of a byte in the middle of each record with a handshake message, encrypted or not."""
    at = 0
    while at + 5 <= len(flight):
        length = int.from_bytes(flight[at + 3 : at + 5], "big")
        if flight[at] in (22, 23):  # handshake, application data: RFC 8446 section 5.1
            yield at + 5 + length // 2
        at += 5 + length


def _altered_record(fresh: Fresh, together: Together, is_server: bool) -> TLSError | None:
    side, sealed = _with_a_record(together, is_server)
    side.listen(_flip(sealed, len(sealed) - 3))
    return _refused(side)


def _repeated_record(fresh: Fresh, together: Together, is_server: bool) -> TLSError | None:
    side, sealed = _with_a_record(together, is_server)
    side.listen(sealed)
    expect(side.read == _SECRET and side.error is None, "it has not read what was sent")
    side.plaintext.clear()
    side.listen(sealed)
    return _refused(side)


def _cut_record(fresh: Fresh, together: Together, is_server: bool) -> None:
    """TCP ends in the middle of a record: that was no goodbye (RFC 8446 section 6.1), and half a record is nothing."""
    side, sealed = _with_a_record(together, is_server)
    side.listen(sealed[: len(sealed) // 2])
    expect(side.read == b"" and side.error is None, "it has read half a record")
    side.connection.keep_session()
    expect(not side.connection.closed, "it was cut off, and takes that for a goodbye")


_FEW: Final = 200
"""Bytes: an alert, or two."""

_MOST_OF_A_HELLO: Final = 1 << 20

_SECRET: Final = b"switch the heating off"


def _with_a_record(together: Together, is_server: bool) -> tuple[Side, bytes]:
    """The side, its handshake done, and a record that its peer has for it."""
    meeting = together()
    side, peer = _sides(meeting, is_server)
    meeting.settle()
    expect(side.connection.established and peer.connection.established, "the handshake failed")
    peer.connection.send(_SECRET)
    return side, peer.speak()


def _refused(side: Side) -> TLSError:
    expect(side.read == b"", "it has read what nobody has sent")
    if side.error is None:
        raise MismatchError("it says nothing")
    _stays_over(side.connection)
    return side.error


def _sides(meeting: Meeting, is_server: bool) -> tuple[Side, Side]:
    """Who is tried, and the peer."""
    return (meeting.server, meeting.client) if is_server else (meeting.client, meeting.server)


def _flip(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 0x10
    return bytes(changed)


def _once(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """The first time changed, later as it is."""
    changes: Iterator[Callable[[bytes], bytes]] = iter([change])
    return lambda data: next(changes, bytes)(data)


STRANGERS: Final = (
    Stranger("silence", "nothing comes", _silence),
    Stranger("garbage", "noise", _garbage),
    Stranger("garbage-in-records", "noise in TLS records", _garbage_in_records),
    Stranger("warnings", "ten thousand warnings", _flood(b"\x15\x03\x03\x00\x02\x01\x5a")),
    Stranger("empty-records", "ten thousand empty records", _flood(b"\x16\x03\x03\x00\x00")),
    Stranger("endless-message", "a hello of 16 MB", _endless_message),
    Stranger("plain-http", "HTTP without TLS", _http),
    Stranger("plain-mqtt", "MQTT without TLS", _mqtt),
    Stranger("cut-handshake", "an end in the middle of the handshake", _cut),
    Stranger("altered-handshake", "a bit of the handshake was changed", _altered_handshake),
    Stranger("altered-record", "a bit of a record was changed", _altered_record),
    Stranger("repeated-record", "a record comes twice", _repeated_record),
    Stranger("cut-record", "an end in the middle of a record", _cut_record),
)
