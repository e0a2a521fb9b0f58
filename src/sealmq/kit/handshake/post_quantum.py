"""What a hybrid key exchange adds, in words and in bytes (draft-ietf-tls-ecdhe-mlkem): ML-KEM beside a curve.

Rule 1: it is not called more than it is: the keys are agreed so that a recording stays closed, the signatures are what
        they were, and a hybrid that was offered and not taken protects nobody.
Rule 2: sizes are those that were on the wire; what the curve alone would have taken is arithmetic, and so it is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sealmq.kit.dissect.hello import ClientHello
from sealmq.kit.dissect.registry import tell_group, tell_scheme
from sealmq.kit.handshake.flights import SEGMENTS, segments


@dataclass(frozen=True, slots=True)
class Halves:
    """What a hybrid group is made of. curve_bytes: a share of the curve alone, the same in both directions."""

    curve: str
    curve_bytes: int
    kem: str


HYBRIDS: dict[int, Halves] = {
    0x11EB: Halves("secp256r1", 65, "ML-KEM-768"),
    0x11EC: Halves("x25519", 32, "ML-KEM-768"),
    0x11ED: Halves("secp384r1", 97, "ML-KEM-1024"),
    0x11EE: Halves("curveSM2", 65, "ML-KEM-768"),
    0x6399: Halves("x25519", 32, "Kyber768 (a draft of ML-KEM)"),
    0x639A: Halves("secp256r1", 65, "Kyber768 (a draft of ML-KEM)"),
}
"""Number of a group -> its halves."""

DRAFTS = (0x6399, 0x639A)
"""Of before ML-KEM became a standard (FIPS 203): libraries are dropping them."""

_POST_QUANTUM_SCHEMES = (0x0904, 0x0905, 0x0906)  # ML-DSA


def tell_exchange(group: int, client_bytes: int, server_bytes: int, schemes: Sequence[int]) -> str:
    """A post-quantum exchange in one sentence. schemes: of the signatures that were seen."""
    halves, name = HYBRIDS.get(group), tell_group(group)
    if halves is None:
        return (
            f"agreed with {name}: ML-KEM alone, forward secret; a recording stays closed as long as ML-KEM holds"
            + _signatures(schemes)
        )
    draft = "; it is of a draft, X25519MLKEM768 is what became of it" if group in DRAFTS else ""
    return (
        f"agreed with {name}, which is two exchanges in one: {halves.curve}, and {halves.kem}, against which no "
        "quantum computer is known to help; who records this must break both, now or later. Forward secret. "
        f"The public halves take {client_bytes:,} and {server_bytes:,} bytes, where {halves.curve} alone takes "
        f"{halves.curve_bytes} and {halves.curve_bytes}{draft}{_signatures(schemes)}"
    )


def _signatures(schemes: Sequence[int]) -> str:
    """The keys are one thing, who the ends are another."""
    names = list(dict.fromkeys(tell_scheme(code) for code in schemes if code not in _POST_QUANTUM_SCHEMES))
    if not names:
        return ""
    return (
        f". Who the ends are rests on {' and '.join(names)}, which is not post-quantum: that opens no recording, and "
        "could be forged only by who has such a computer while the connection is made"
    )


def tell_hello(hello: ClientHello, size: int, taken: int, server_message: int) -> Iterator[str]:
    """What the hybrid share of a hello costs, in sentences; none where there is no such share.

    size: bytes of the hello on the wire. taken: the group that was agreed, 0 for none.
    server_message: bytes of the ServerHello, 0 where there was none.
    """
    group, length = next((share for share in hello.key_shares if share[0] in HYBRIDS), (0, 0))
    if not group:
        return
    halves, name = HYBRIDS[group], tell_group(group)
    beside = any(tell_group(other) == halves.curve for other, _ in hello.key_shares)
    # What stands before a share is its group and its length, 2 bytes each (RFC 8446 section 4.2.8).
    alone = size - length + (-4 if beside else halves.curve_bytes)
    now, then = [[segments(each, most) for most in SEGMENTS] for each in (size, alone)]
    yield (
        f"{name} makes the client's hello {size:,} bytes, {now[0]} TCP segments of {SEGMENTS[0]:,} bytes or {now[1]} "
        f"of {SEGMENTS[1]}; with {halves.curve} alone it would be {alone:,}, {then[0]} or {then[1]}"
    )
    if taken == group and server_message:
        yield (
            f"The server's half makes its ServerHello {server_message:,} bytes: so large must a receive buffer be that "
            "takes the message whole, which 1 KiB is not"
        )
    elif taken and taken != group:
        yield (
            f"The server chose {tell_group(taken)}: the {length:,} bytes of {name} were sent for nothing, and the "
            "connection is not post-quantum"
        )
