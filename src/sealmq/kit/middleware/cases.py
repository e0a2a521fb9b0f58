"""What must work between any client and any server: both TLS versions, full and resumed, by certificate and by PSK,
hybrid key exchange; payloads of one byte to three million, both ways.

Rule 1: what the abilities of one of the two exclude is IMPOSSIBLE, and the library must say the same when it is asked:
        one that is asked and does it all the same, or cannot do what it says, has FAILED.
Rule 2: both sides are looked at: version, whose certificate or PSK, whether it was resumed, group, every byte, the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sealmq.errors import ConfigError
from sealmq.kit.middleware.material import Material
from sealmq.kit.middleware.meeting import Change, Meeting
from sealmq.kit.middleware.outcome import Outcome, Result
from sealmq.kit.middleware.resuming import has_tickets
from sealmq.tls.middleware import (
    TLS12,
    TLS13,
    ClientContext,
    ClientMaterial,
    HandshakeProof,
    Middleware,
    ServerMaterial,
    TLSContext,
    Version,
)
from sealmq.tls.policy import HYBRID_GROUPS, TLSPolicy

SIZES: Final = (1, 100, 16_383, 16_384, 16_385, 100_000, 3_000_000)
"""Bytes of a payload: around the largest record, and as large as a firmware image."""

SMALL: Final = SIZES[:5]
"""Where the handshake is the point."""

CAP: Final = 512
"""`max_record` where it is tried: what a device with small buffers asks for."""

_OVERHEAD: Final = 40
"""Bytes that a record may be longer than its plaintext (RFC 8446 section 5.2; TLS 1.2: nonce, tag)."""

POLICIES: Final[dict[Version, TLSPolicy]] = {
    TLS12: TLSPolicy(highest=TLS12),
    TLS13: TLSPolicy(profile="modern"),
}
HYBRID: Final = TLSPolicy(profile="post-quantum")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to connect.

    psk: by a PSK, else by certificates. resumed: a second connection, with the session of a first one.
    forgotten: the second one comes to a new context, which must resume nobody. hybrid: with a hybrid group.
    address: an address is dialled. capped: the server may send records of CAP bytes and no more.
    """

    id: str
    title: str
    version: Version
    psk: bool = False
    resumed: bool = False
    forgotten: bool = False
    hybrid: bool = False
    address: bool = False
    capped: bool = False

    @property
    def payloads(self) -> tuple[int, ...]:
        """Bytes of each payload, in both directions."""
        large = not (self.forgotten or self.address or self.capped)
        return SIZES if large else SMALL


def _ways() -> Iterator[Way]:
    for version in (TLS12, TLS13):
        yield Way("certificate", "certificates, full", version)
        yield Way("certificate-resumed", "certificates, resumed", version, resumed=True)
        yield Way("psk", "PSK, full", version, psk=True)
        yield Way("psk-resumed", "PSK, resumed", version, psk=True, resumed=True)
        if version == TLS13:
            yield Way("hybrid", "certificates, hybrid group, full", version, hybrid=True)
            yield Way("hybrid-resumed", "certificates, hybrid group, resumed", version, hybrid=True, resumed=True)
        yield Way("address", "an address is dialled", version, address=True)
        yield Way("capped", f"records of {CAP} bytes at most", version, capped=True)
        yield Way("new-context", "session of a context that was replaced", version, forgotten=True)


WAYS: Final = tuple(_ways())


class MismatchError(Exception):
    """Something is not as it must be, in words."""


def expect(true: object, words: str) -> None:
    """Raise MismatchError unless it is true."""
    if not true:
        raise MismatchError(words)


def try_way(way: Way, client: Middleware, server: Middleware, material: Material) -> Result:
    """Connect in that way, and look at everything."""
    lacks = lacking(way, client, server)
    try:
        remark = _connect(way, client, server, material)
    except ConfigError as error:
        outcome, why = (Outcome.IMPOSSIBLE, lacks) if lacks else (Outcome.FAILED, f"{error.what}: {error.why}")
    except _NotResumedError as error:
        known = lacks or str(error)
        outcome, why = (Outcome.IMPOSSIBLE, known) if known else (Outcome.FAILED, "it was not resumed")
    except Exception as error:
        outcome, why = Outcome.FAILED, in_words(error)
    else:
        outcome, why = (Outcome.FAILED, f"it worked, but: {lacks}") if lacks else (Outcome.PASSED, remark)
    return Result(way.id, way.version, client.name, server.name, outcome, why)


def in_words(error: Exception) -> str:
    """An error, ours or a binding's, in one line."""
    what = getattr(error, "what", "") or str(error) or type(error).__name__
    kind = "" if isinstance(error, MismatchError) else f"{type(error).__name__}: "
    why = getattr(error, "why", "")
    return " ".join(f"{kind}{what}{f' ({why})' if why else ''}".split())[:300]


def lacking(way: Way, client: Middleware, server: Middleware) -> str:
    """What one of the two has not, by its abilities; "" when both have what it takes."""
    ours, theirs = client.abilities, server.abilities
    version = way.version.replace("TLSv", "TLS ")
    wanted = (
        (way.version in ours.versions, f"{client.name} has no {version}"),
        (way.version in theirs.versions, f"{server.name} has no {version}"),
        (not way.psk or way.version in ours.psk_client, f"{client.name} has no PSK of {version} for a device"),
        (not way.psk or way.version in theirs.psk_server, f"{server.name} has no PSK of {version} for a listener"),
        (not way.hybrid or ours.hybrid_groups, f"{client.name} has no hybrid group"),
        (not way.hybrid or theirs.hybrid_groups, f"{server.name} has no hybrid group"),
        (not way.address or ours.addresses, f"{client.name} compares no address with a certificate"),
        (not way.resumed or way.version in ours.resumes_client, f"{client.name} resumes nothing of {version}"),
        (not way.resumed or way.version in theirs.resumes_server, f"{server.name} has nothing of {version} resumed"),
    )
    return next((words for has, words in wanted if not has), "")


class _NotResumedError(Exception):
    """Its text is the reason, where it is known and no mistake."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """What a way is tried with."""

    listener: TLSContext
    device: ClientContext
    host: str


def _connect(way: Way, client: Middleware, server: Middleware, material: Material) -> str:
    """A remark, "" for none. Raises what there is to raise."""
    stage = _set_up(way, client, server, material)
    session: object | None = None
    reason = ""
    if way.resumed or way.forgotten:
        session, reason = _first(way, stage)
        if session is None and way.resumed:
            raise _NotResumedError(reason)
    if way.forgotten:
        stage = _Stage(server.server_context(POLICIES[way.version], _servers(way, server, material)),
                       stage.device, stage.host)  # fmt: skip
    meeting = Meeting(stage.device.connection(stage.host, session=session), stage.listener.connection())
    _shake(meeting)
    _look(way, meeting, client, server, material, reason)
    _send(meeting, way.payloads, capped=way.capped)
    return _part(meeting)


def _first(way: Way, stage: _Stage) -> tuple[object | None, str]:
    """A connection to be resumed: its session, and why these two may not do that; "" where they must."""
    first = stage.device.connection(stage.host)
    meeting = Meeting(first, stage.listener.connection())
    said: list[bytes] = []

    def note(flight: bytes) -> bytes:
        said.append(flight)
        return flight

    _shake(meeting, note)
    _send(meeting, SMALL[:2])  # under TLS 1.3 the ticket follows the handshake
    session = first.session
    _part(meeting, client_first=False)
    if way.psk:
        return session, "what a PSK has proved is not resumed: its handshake is short already"
    if way.version == TLS12 and not has_tickets(said[0]):
        return session, "the client has no tickets of TLS 1.2, the server resumes by nothing else"
    return session, ""


def _set_up(way: Way, client: Middleware, server: Middleware, material: Material) -> _Stage:
    policy = HYBRID if way.hybrid else POLICIES[way.version]
    of_server = TLSPolicy(profile=policy.profile, highest=policy.highest, max_record=CAP) if way.capped else policy
    listener = server.server_context(of_server, _servers(way, server, material))
    proves = ClientMaterial(psk=material.psk) if way.psk else material.good.client()
    host = material.good.address if way.address else material.good.host
    return _Stage(listener, client.client_context(policy, proves), host)


def _servers(way: Way, server: Middleware, material: Material) -> ServerMaterial:
    return material.psk_server() if way.psk else of_broker(server, material)


def of_broker(server: Middleware, material: Material) -> ServerMaterial:
    """A broker's usual material, with the list of what is revoked where the library looks at one."""
    proves = material.good.server()
    if server.abilities.revocation:
        return proves
    return ServerMaterial(chain=proves.chain, key=proves.key, client_anchors=proves.client_anchors)


def _shake(meeting: Meeting, to_server: Change | None = None) -> None:
    meeting.settle(to_server=to_server)
    for side, name in ((meeting.client, "client"), (meeting.server, "server")):
        if side.error is not None:
            raise MismatchError(f"the {name}: {in_words(side.error)}")
        expect(side.connection.established, f"the {name} is not done with the handshake")


def _look(
    way: Way, meeting: Meeting, client: Middleware, server: Middleware, material: Material, reason: str
) -> None:  # fmt: skip
    """What both know of each other now. reason: why it may not be resumed."""
    ours, theirs = meeting.client.connection, meeting.server.connection
    for side, middleware in ((ours, client), (theirs, server)):
        proof = side.proof
        if proof is None:
            raise MismatchError(f"{middleware.name} is done with the handshake, and tells nothing about it")
        _look_at(proof, way, middleware, reason)
    if way.psk:
        expect(theirs.psk_identity == material.psk.identity, f"the server knows the PSK of {theirs.psk_identity!r}")
        expect(theirs.peer_certificate == b"", "a PSK was used, and there is a certificate")
    else:
        expect(theirs.peer_certificate == material.good.device.der, "the server has not the device's certificate")
        expect(ours.peer_certificate == material.good.broker.der, "the client has not the broker's certificate")
        expect(theirs.psk_identity == "", "certificates were used, and there is a PSK")


def _look_at(proof: HandshakeProof, way: Way, middleware: Middleware, reason: str) -> None:
    expect(proof.version == way.version, f"{middleware.name} speaks {proof.version}")
    expect(proof.cipher, f"{middleware.name} names no cipher suite")
    if proof.resumed != way.resumed:
        if way.resumed:
            raise _NotResumedError(reason)
        raise MismatchError(f"{middleware.name} has resumed a session that it should not")
    if way.hybrid and middleware.abilities.names_group:
        expect(proof.group in HYBRID_GROUPS, f"{middleware.name} says that the group is {proof.group!r}")


def _send(meeting: Meeting, sizes: tuple[int, ...], *, capped: bool = False) -> None:
    """Payloads of these sizes to and fro; every byte must come."""
    lengths: list[int] = []

    def note(ciphertext: bytes) -> bytes:
        lengths.extend(record_lengths(ciphertext))
        return ciphertext

    for number, size in enumerate(sizes):
        for sender, receiver, name in ((meeting.client, meeting.server, "server"),
                                       (meeting.server, meeting.client, "client")):  # fmt: skip
            receiver.plaintext.clear()
            payload = pattern(size, number + (name == "client"))
            sender.connection.send(payload)
            meeting.settle(to_client=note)
            if receiver.error is not None:
                raise MismatchError(f"{size} bytes to the {name}: {in_words(receiver.error)}")
            expect(receiver.read == payload, f"of {size} bytes the {name} has read {len(receiver.read)}, or others")
    if capped:
        expect(max(lengths) <= CAP + _OVERHEAD, f"the server has sent a record of {max(lengths)} bytes")


def record_lengths(ciphertext: bytes) -> Iterator[int]:
    """The length of each record (RFC 8446 section 5.1); whole records must be given."""
    at = 0
    while at + 5 <= len(ciphertext):
        length = int.from_bytes(ciphertext[at + 3 : at + 5], "big")
        yield length
        at += 5 + length


def pattern(size: int, start: int) -> bytes:
    """Bytes that show whether a piece is missing, twice there, or elsewhere: their period fits no record."""
    period = bytes((start + place * 7) % 251 for place in range(251))
    return (period * (size // len(period) + 1))[:size]


def _part(meeting: Meeting, *, client_first: bool = True) -> str:
    """One side says close_notify, then the other. A remark on who does not answer, "" for none."""
    sides = [(meeting.client, "client"), (meeting.server, "server")]
    (first, _), (second, name) = sides if client_first else reversed(sides)
    for side in (first, second):
        side.connection.close()
        meeting.settle()
        for each, who in sides:
            if each.error is not None:
                raise MismatchError(f"at the end the {who}: {in_words(each.error)}")
        expect(second.connection.closed, f"the {name} has not heard the other's close_notify")
    return "" if first.connection.closed else f"the {name} does not answer a close_notify"
