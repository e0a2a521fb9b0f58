"""What a handshake costs a microcontroller: bytes, buffers, round trips; arithmetic on what was seen, from its side.

Rule 1: the shares are all bytes on the wire, each counted once. What nobody could look into has a share of its own.
Rule 2: what a sentence says of another library's buffers is what that library's own settings are made of: a record's
        content, and a whole handshake message, must fit (MBEDTLS_SSL_IN_CONTENT_LEN).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sealmq.errors import TLSError
from sealmq.kit.dissect.conversation import ContentType, Conversation, Message, Record, Sender
from sealmq.kit.dissect.framing import HEADER
from sealmq.kit.dissect.hello import RETRY_RANDOM, ClientHello, read_client_hello, read_server_hello
from sealmq.kit.dissect.key_exchange import read_server_key_exchange
from sealmq.kit.handshake.flights import SEGMENTS, on_wire, segments, sum_on_wire
from sealmq.kit.handshake.post_quantum import tell_hello
from sealmq.kit.handshake.report import Cost, Share, Trial

TLS_1_3 = 0x0304
LARGEST_RECORD = 16384  # bytes of content, RFC 8446 section 5.1
SMALL_RAM = 256 * 1024  # bytes: of whom the sentences think

CERTIFICATES, SIGNATURES, EXCHANGE = "certificates", "signatures", "key exchange"
TICKETS, HELLOS, OVERHEAD = "tickets", "the rest of the hellos", "headers, padding and tags"
OTHERS, APPLICATION, UNREAD = "other messages", "application data", "what could not be read"
SHARES = (CERTIFICATES, SIGNATURES, EXCHANGE, TICKETS, HELLOS, OVERHEAD, OTHERS, APPLICATION, UNREAD)
"""In the order in which they are given; those of no bytes are left out."""

CLIENT_HELLO, SERVER_HELLO, NEW_SESSION_TICKET, ENCRYPTED_EXTENSIONS = 1, 2, 4, 8
CERTIFICATE, SERVER_KEY_EXCHANGE, SERVER_HELLO_DONE, CERTIFICATE_VERIFY, CLIENT_KEY_EXCHANGE = 11, 12, 14, 15, 16
CERTIFICATE_STATUS, COMPRESSED_CERTIFICATE = 22, 25
_WHOLE = {
    CERTIFICATE: CERTIFICATES, CERTIFICATE_STATUS: CERTIFICATES, COMPRESSED_CERTIFICATE: CERTIFICATES,
    CERTIFICATE_VERIFY: SIGNATURES, CLIENT_KEY_EXCHANGE: EXCHANGE, NEW_SESSION_TICKET: TICKETS,
    ENCRYPTED_EXTENSIONS: HELLOS,
}  # fmt: skip
"""Messages that are of one kind throughout."""

PRE_SHARED_KEY = 41
_OF_EXTENSION = {51: EXCHANGE, PRE_SHARED_KEY: EXCHANGE, 35: TICKETS}  # key_share, pre_shared_key, session_ticket
_EIGHT_BYTE_TAGS = (0x1305, 0xC0AE, 0xC0AF)  # the CCM_8 suites; every other of TLS 1.3 has a tag of 16 bytes


def cost_of(
    conversation: Conversation,
    *,
    suite: int,
    version: int,
    tcp_round_trip: float | None = None,
    trials: Sequence[Trial] = (),
) -> Cost:
    """What it costs.

    suite, version: as negotiated (0x1301, 0x0304); 0 where it did not come to that.
    tcp_round_trip: seconds that one takes here, None where it was not measured.
    trials:         small fragments that were asked for, and what came of it.
    """
    client, server = _largest(conversation, Sender.CLIENT, suite), _largest(conversation, Sender.SERVER, suite)
    sent, received = _total(conversation, Sender.CLIENT), _total(conversation, Sender.SERVER)
    shares = _shares(conversation, sent + received, suite, version)
    cost = Cost(
        sent=sent,
        received=received,
        largest_record_sent=client[0],
        largest_record_received=server[0],
        largest_message_received=server[2],
        receive_buffer=max(server[1:]),
        send_buffer=max(client[1:]),
        round_trips=round_trips(conversation, version),
        shares=shares,
        trials=tuple(trials),
        sentences=(),
    )
    sentences = tuple(_sentences(conversation, cost, tcp_round_trip))
    return replace(cost, sentences=sentences)


def round_trips(conversation: Conversation, version: int) -> float:
    """Round trips of TLS until the client may send data; that of TCP before them is not counted.

    TLS 1.3: one, and one more after HelloRetryRequest (RFC 8446 section 2). TLS 1.2: two, one where a session is
    resumed (RFC 5246 section 7.3). 0 where the server said nothing.
    """
    hellos = [one for one in _handshake(conversation, Sender.SERVER) if one.type == SERVER_HELLO]
    if not hellos:
        return 0.0
    if version >= TLS_1_3:
        return 1.0 + any(is_retry(one) for one in hellos)
    whole = any(one.type in (CERTIFICATE, SERVER_HELLO_DONE) for one in _handshake(conversation, Sender.SERVER))
    ready = conversation.find(Sender.SERVER, ContentType.CHANGE_CIPHER_SPEC, 0) is not None
    return 1.0 if ready and not whole else 2.0


def is_retry(hello: Message) -> bool:
    """Is a ServerHello a HelloRetryRequest?"""
    return hello.body[HEADER + 2 : HEADER + 34] == RETRY_RANDOM


def _handshake(conversation: Conversation, sender: Sender) -> Iterator[Message]:
    return (one for one in conversation.messages if one.sender is sender and one.kind == ContentType.HANDSHAKE)


def _total(conversation: Conversation, sender: Sender) -> int:
    """All bytes of one end, also those behind the last whole record."""
    records = [one for one in conversation.records if one.sender is sender]
    return max(conversation.sent.get(sender, 0), sum_on_wire(records))


def _largest(conversation: Conversation, sender: Sender, suite: int) -> tuple[int, int, int]:
    """Of one end: the largest record on the wire, the largest content of one, the largest handshake message."""
    records = [one for one in conversation.records if one.sender is sender]
    return (
        max(map(on_wire, records), default=0),
        max((_content(one, suite) for one in records), default=0),
        max((len(one.body) for one in _handshake(conversation, sender)), default=0),
    )


def _content(record: Record, suite: int) -> int:
    """Bytes in a record; at most so many where nobody could look."""
    if record.content is not None:
        return record.content
    tag = 8 if suite in _EIGHT_BYTE_TAGS else 16
    return max(0, record.length - tag - (suite >> 8 == 0x13)) if record.protected and suite else record.length


# -- shares ----------------------------------------------------------------------------------------------------------


def _shares(conversation: Conversation, total: int, suite: int, version: int) -> tuple[Share, ...]:
    known = {number for message in conversation.messages for number in message.records}
    of_application = {
        number
        for message in conversation.messages
        if message.kind == ContentType.APPLICATION_DATA
        for number in message.records
    }
    bytes_of = dict.fromkeys(SHARES, 0)
    readable = 0
    for record in conversation.records:
        size = on_wire(record)
        if record.number in of_application or _is_application(record, version):
            bytes_of[APPLICATION] += size
        elif record.protected and record.content is None and record.number not in known:
            bytes_of[UNREAD] += size
        else:
            readable += size
    bytes_of[UNREAD] += total - bytes_of[APPLICATION] - bytes_of[UNREAD] - readable
    for message in conversation.messages:
        if message.kind != ContentType.APPLICATION_DATA:
            for what, size in parts_of(message, suite):
                taken = min(size, readable)  # else a message would count whose records nobody saw
                bytes_of[what] += taken
                readable -= taken
    bytes_of[OVERHEAD] += readable
    return tuple(Share(what=what, bytes=size) for what, size in bytes_of.items() if size)


def _is_application(record: Record, version: int) -> bool:
    if record.inner_type is not None:
        return record.inner_type == ContentType.APPLICATION_DATA
    return record.content_type == ContentType.APPLICATION_DATA and 0 < version < TLS_1_3


def parts_of(message: Message, suite: int = 0) -> Iterator[tuple[str, int]]:
    """What the bytes of a message are for. They sum to its length. suite: as negotiated."""
    size = len(message.body)
    if message.kind != ContentType.HANDSHAKE or size < HEADER:
        yield OTHERS, size
        return
    yield OVERHEAD, HEADER
    rest = size - HEADER
    if message.type == SERVER_KEY_EXCHANGE:
        signature = _signature(message.body, suite)
        yield EXCHANGE, rest - signature
        yield SIGNATURES, signature
    elif message.type in (CLIENT_HELLO, SERVER_HELLO):
        for what, length in _extension_parts(message.body, message.type):
            yield what, length
            rest -= length
        yield HELLOS, rest
    else:
        yield _WHOLE.get(message.type, OTHERS), rest


def _extension_parts(body: bytes, type_: int) -> Iterator[tuple[str, int]]:
    """The extensions of a hello that have a purpose of their own; none of a hello that cannot be read."""
    try:
        hello = (read_client_hello if type_ == CLIENT_HELLO else read_server_hello)(body)
    except TLSError:
        return
    shows_tickets = isinstance(hello, ClientHello) and all(each.name is None for each in hello.psk_identities)
    for extension in hello.extensions:
        if extension.code in _OF_EXTENSION:
            is_ticket = extension.code == PRE_SHARED_KEY and shows_tickets
            length = 4 + len(extension.body)  # its type and length before it
            yield TICKETS if is_ticket else _OF_EXTENSION[extension.code], length


def _signature(body: bytes, suite: int) -> int:
    """Bytes of a ServerKeyExchange that are the signature, with its scheme and length; 0 where it is not signed."""
    try:
        read = read_server_key_exchange(body, suite)
    except TLSError:
        return 0
    return 0 if read.scheme is None else len(body) - HEADER - len(read.split(body)[0])


# -- sentences -------------------------------------------------------------------------------------------------------


def _sentences(conversation: Conversation, cost: Cost, tcp_round_trip: float | None) -> Iterator[str]:
    shares = {share.what: share.bytes for share in cost.shares}
    application = shares.get(APPLICATION, 0)
    total = cost.sent + cost.received - application
    if not total:
        return
    behind = f", and {application:,} more of application data" if application else ""
    of = f"{cost.sent:,} sent and {cost.received:,} received"
    yield f"The handshake takes {total:,} bytes{behind}; in all {of}"
    yield from _trips(cost, tcp_round_trip)
    yield from _certificates(conversation, total)
    yield from _tickets(conversation)
    yield from _segments(conversation)
    if shares.get(UNREAD):
        yield f"{shares[UNREAD]:,} bytes could not be read, so some of this may be more"
    yield from _buffers(cost)
    yield from (trial.sentence for trial in cost.trials if trial.sentence)


def _trips(cost: Cost, tcp_round_trip: float | None) -> Iterator[str]:
    if cost.round_trips:
        count = int(cost.round_trips)
        words = "1 more" if count == 1 else f"{count} more"
        one = f": {count * tcp_round_trip * 1000:.1f} ms of waiting on this line" if tcp_round_trip is not None else ""
        yield f"After TCP's own round trip, {words} until the client may send data{one}"


def _certificates(conversation: Conversation, total: int) -> Iterator[str]:
    for sender in (Sender.SERVER, Sender.CLIENT):
        size = sum(len(one.body) for one in _handshake(conversation, sender) if _WHOLE.get(one.type) == CERTIFICATES)
        if size > HEADER + 4:  # else it is an empty list
            yield f"The {sender}'s certificates are {100 * size / total:.0f} % of the handshake's bytes ({size:,})"


def _tickets(conversation: Conversation) -> Iterator[str]:
    sizes = [len(one.body) for one in _handshake(conversation, Sender.SERVER) if one.type == NEW_SESSION_TICKET]
    if len(sizes) > 1:
        each = f"{sizes[0]:,} bytes each" if len(set(sizes)) == 1 else f"{sum(sizes):,} bytes together"
        spared = "spares them" if len(sizes) == 2 else "spares most of them"
        yield f"The server sends {_count(len(sizes))} session tickets of {each}: num_tickets 0 or 1 {spared}"
    elif sizes:
        yield f"The server sends a session ticket of {sizes[0]:,} bytes: whoever never resumes can do without"


def _segments(conversation: Conversation) -> Iterator[str]:
    hello = next((one for one in _handshake(conversation, Sender.CLIENT) if one.type == CLIENT_HELLO), None)
    if hello is not None:
        size = sum_on_wire([one for one in conversation.records if one.number in hello.records]) or len(hello.body)
        hybrid = list(_hybrid(conversation, hello, size))
        yield from hybrid
        if size > SEGMENTS[0] and not hybrid:
            count = segments(size, SEGMENTS[0])
            yield f"The client's hello ({size:,} bytes) takes {count} TCP segments of {SEGMENTS[0]:,} bytes, not one"


def _hybrid(conversation: Conversation, hello: Message, size: int) -> Iterator[str]:
    """What a post-quantum share costs."""
    answers = [one for one in _handshake(conversation, Sender.SERVER) if one.type == SERVER_HELLO and not is_retry(one)]
    try:
        taken = read_server_hello(answers[-1].body).group if answers else None
        yield from tell_hello(read_client_hello(hello.body), size, taken or 0, len(answers[-1].body) if answers else 0)
    except TLSError:
        return


def _buffers(cost: Cost) -> Iterator[str]:
    if not cost.receive_buffer:
        return
    needs = "the largest message" if cost.largest_message_received == cost.receive_buffer else "the largest record"
    yield (
        f"What came needs a receive buffer of {cost.receive_buffer:,} bytes, for {needs} "
        f"(MBEDTLS_SSL_IN_CONTENT_LEN), and a send buffer of {cost.send_buffer:,} (MBEDTLS_SSL_OUT_CONTENT_LEN)"
    )
    if cost.receive_buffer < LARGEST_RECORD and not any(trial.honoured for trial in cost.trials):
        share = 100 * LARGEST_RECORD / SMALL_RAM
        yield (
            f"Nothing here keeps the server from records of {LARGEST_RECORD:,} bytes, which are {share:.0f} % of "
            f"{SMALL_RAM // 1024} KB of RAM: a smaller buffer is safe only where it takes max_fragment_length or "
            "record_size_limit"
        )


def _count(number: int) -> str:
    return {2: "two", 3: "three", 4: "four"}.get(number, str(number))
