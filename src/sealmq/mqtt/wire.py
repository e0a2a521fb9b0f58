"""The data types of MQTT on the wire [MQTT 1.5], as twins: `pull_x` reads one, `push_x` writes one.

Rule 1: a `pull_x` moves the cursor behind what it read, or raises RemoteProtocolError (Malformed Packet).
Rule 2: a `push_x` appends to the buffer, or raises LocalProtocolError and leaves the buffer as it was.

The bytes come from outside and may be anything, so nothing but these two errors ever leaves this file.
"""

from __future__ import annotations

from sealmq.errors import LocalProtocolError, RemoteProtocolError

MALFORMED_PACKET = 0x81
"""ReasonCode.MALFORMED_PACKET: the codes are a neighbour of this file, not a floor below it."""

MAXIMUM_VARIABLE_BYTE_INTEGER = 268_435_455
"""The greatest value of a variable byte integer, four bytes of seven bits [MQTT 1.5.5]."""

MAXIMUM_STRING = 65_535
"""The most bytes a string or binary data may have: its length is a two byte integer [MQTT 1.5.4, 1.5.6]."""


class Cursor:
    """Where a reader stands in a packet.

    wire: the bytes, at: the next byte to read, end: the first byte that is not the reader's any more.
    """

    __slots__ = ("at", "end", "wire")

    def __init__(self, wire: bytes, at: int = 0, end: int | None = None) -> None:
        self.wire = wire
        self.at = at
        self.end = len(wire) if end is None else end


def _malformed(what: str) -> RemoteProtocolError:
    return RemoteProtocolError(what, MALFORMED_PACKET)


def _impossible(what: str) -> LocalProtocolError:
    return LocalProtocolError(what, MALFORMED_PACKET)


# One byte [MQTT 1.5.1].


def pull_byte(cursor: Cursor) -> int:
    """Read one byte. Raises RemoteProtocolError where the packet ends before it."""
    at = cursor.at
    if at >= cursor.end:
        raise _malformed("the packet ends where a byte was expected")
    cursor.at = at + 1
    return cursor.wire[at]


def push_byte(buffer: bytearray, value: int) -> None:
    """Append one byte. Raises LocalProtocolError outside 0..255."""
    if not 0 <= value <= 0xFF:
        raise _impossible(f"{value} does not fit into one byte")
    buffer.append(value)


# Two byte integer [MQTT 1.5.2].


def pull_two_byte_integer(cursor: Cursor) -> int:
    """Read a big-endian 16-bit number. Raises RemoteProtocolError where the packet ends inside it."""
    at = cursor.at
    if at + 2 > cursor.end:
        raise _malformed("the packet ends inside a two byte integer")
    cursor.at = at + 2
    return cursor.wire[at] << 8 | cursor.wire[at + 1]


def push_two_byte_integer(buffer: bytearray, value: int) -> None:
    """Append a big-endian 16-bit number. Raises LocalProtocolError outside 0..65,535."""
    if not 0 <= value <= 0xFFFF:
        raise _impossible(f"{value} does not fit into a two byte integer")
    buffer += value.to_bytes(2, "big")


# Four byte integer [MQTT 1.5.3].


def pull_four_byte_integer(cursor: Cursor) -> int:
    """Read a big-endian 32-bit number. Raises RemoteProtocolError where the packet ends inside it."""
    at = cursor.at
    if at + 4 > cursor.end:
        raise _malformed("the packet ends inside a four byte integer")
    cursor.at = at + 4
    return int.from_bytes(cursor.wire[at : at + 4], "big")


def push_four_byte_integer(buffer: bytearray, value: int) -> None:
    """Append a big-endian 32-bit number. Raises LocalProtocolError outside 0..4,294,967,295."""
    if not 0 <= value <= 0xFFFFFFFF:
        raise _impossible(f"{value} does not fit into a four byte integer")
    buffer += value.to_bytes(4, "big")


# Variable byte integer [MQTT 1.5.5]: seven bits a byte, the lowest first, the top bit says that more follow.


def pull_variable_byte_integer(cursor: Cursor) -> int:
    """Read a variable byte integer. Raises RemoteProtocolError when cut, over four bytes, or longer than needed."""
    wire, at, end = cursor.wire, cursor.at, cursor.end
    value = 0
    for shift in (0, 7, 14, 21):
        if at >= end:
            raise _malformed("the packet ends inside a variable byte integer")
        byte = wire[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift:  # [MQTT-1.5.5-1]
                raise _malformed("a variable byte integer uses more bytes than its value needs")
            cursor.at = at
            return value
    raise _malformed("a variable byte integer is longer than four bytes")


def push_variable_byte_integer(buffer: bytearray, value: int) -> None:
    """Append a variable byte integer. Raises LocalProtocolError outside 0..268,435,455."""
    buffer += variable_byte_integer(value)


_ONE_BYTE = tuple(bytes((value,)) for value in range(0x80))


def variable_byte_integer(value: int) -> bytes:
    """The variable byte integer as bytes of its own. Raises LocalProtocolError outside 0..268,435,455."""
    if 0 <= value < 0x80:
        return _ONE_BYTE[value]
    if 0x80 <= value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    if not 0 <= value <= MAXIMUM_VARIABLE_BYTE_INTEGER:
        raise _impossible(f"{value} does not fit into a variable byte integer")
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


# UTF-8 encoded string [MQTT 1.5.4].


def pull_string(cursor: Cursor) -> str:
    """Read a UTF-8 encoded string. Raises RemoteProtocolError when it is cut, ill-formed, or contains U+0000."""
    return decode_string(pull_binary(cursor))


def push_string(buffer: bytearray, value: str) -> None:
    """Append a UTF-8 encoded string. Raises LocalProtocolError for surrogates, U+0000, and over 65,535 bytes."""
    if "\0" in value:  # [MQTT-1.5.4-2]
        raise _impossible("a string contains the null character")
    try:
        encoded = value.encode()
    except UnicodeEncodeError:  # [MQTT-1.5.4-1]
        raise _impossible("a string contains a surrogate, which UTF-8 cannot encode") from None
    push_binary(buffer, encoded)


def decode_string(encoded: bytes) -> str:
    """The text of a string's bytes (without the length). Raises RemoteProtocolError when ill-formed or with U+0000."""
    try:
        # Python's codec is the strict one of RFC 3629: it refuses surrogates [MQTT-1.5.4-1] and overlong forms, and
        # it leaves U+FEFF where it stands [MQTT-1.5.4-3].
        value = encoded.decode()
    except UnicodeDecodeError:
        raise _malformed("a string is not well-formed UTF-8") from None
    if "\0" in value:  # [MQTT-1.5.4-2]
        raise _malformed("a string contains the null character")
    return value


# Binary data [MQTT 1.5.6].


def pull_binary(cursor: Cursor) -> bytes:
    """Read binary data. Raises RemoteProtocolError where the packet ends inside it."""
    start = cursor.at + 2
    if start > cursor.end:
        raise _malformed("the packet ends inside a length")
    wire = cursor.wire
    stop = start + (wire[start - 2] << 8 | wire[start - 1])
    if stop > cursor.end:
        raise _malformed("the packet ends inside a string or binary data")
    cursor.at = stop
    return wire[start:stop]


def push_binary(buffer: bytearray, value: bytes) -> None:
    """Append binary data. Raises LocalProtocolError over 65,535 bytes."""
    if len(value) > MAXIMUM_STRING:
        raise _impossible(f"{len(value)} bytes are too many for a string or binary data")
    buffer += len(value).to_bytes(2, "big")
    buffer += value


# UTF-8 string pair [MQTT 1.5.7].


def pull_string_pair(cursor: Cursor) -> tuple[str, str]:
    """Read a name and a value. Raises RemoteProtocolError as `pull_string` does [MQTT-1.5.7-1]."""
    name = pull_string(cursor)
    return name, pull_string(cursor)


def push_string_pair(buffer: bytearray, value: tuple[str, str]) -> None:
    """Append a name and a value. Raises LocalProtocolError as `push_string` does [MQTT-1.5.7-1]."""
    pair = bytearray()  # both or nothing (rule 2)
    push_string(pair, value[0])
    push_string(pair, value[1])
    buffer += pair
