"""What strangers and broken clients send: each gets its answer and one log line, and everybody else is served on."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress

import pytest

from interop_homes import make_home, start
from mqtt_bytes import CONNECT_V5, PINGREQ, connect_v5, packet, publish, read_packet, subscribe, text
from running import WAIT, Broker, wait_until

NARROW = """
[limits]
handshake_timeout = {seconds}
connect_timeout = {seconds}
packet_size = 10_000
first_packet_size = 1_000

[log]
level = "debug"
lines_per_address = 100_000
"""

PLAIN_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that takes small packets only."""
    yield from start(make_home(tmp_path_factory.mktemp("narrow") / "home", NARROW.format(seconds=60)))


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The same, and waits for three seconds only."""
    yield from start(make_home(tmp_path_factory.mktemp("impatient") / "home", NARROW.format(seconds=3)))


class Pair:
    """Two well-behaved clients: what one says, the other hears."""

    def __init__(self, broker: Broker) -> None:
        self._writer = broker.tls("sensor-1")
        connect_v5(self._writer)  # at once: a broker that is impatient waits for it
        self._reader = broker.tls("operator")
        connect_v5(self._reader)
        self._reader.sendall(subscribe("devices/sensor-1/pair"))
        assert read_packet(self._reader)[0] == 0x90
        self._said = 0

    def assert_served(self) -> None:
        self._said += 1
        words = f"word {self._said}".encode()
        self._writer.sendall(publish("devices/sensor-1/pair", words))
        first, body = read_packet(self._reader)
        assert first == 0x30
        assert body.endswith(words)

    def close(self) -> None:
        self._writer.close()
        self._reader.close()


def served(broker: Broker) -> Iterator[Pair]:
    """A pair that is served before, and must be served after, whatever the test does."""
    two = Pair(broker)
    two.assert_served()
    yield two
    two.assert_served()
    two.close()


@pytest.fixture
def pair(narrow: Broker) -> Iterator[Pair]:
    yield from served(narrow)


@pytest.fixture
def hasty_pair(impatient: Broker) -> Iterator[Pair]:
    yield from served(impatient)


def everything_from(connection: socket.socket) -> bytes:
    """What comes until the end; a reset is an end too."""
    connection.settimeout(WAIT)
    data = b""
    try:
        while piece := connection.recv(4_096):
            data += piece
    except (ConnectionResetError, ssl.SSLEOFError):
        pass
    return data


def lines_about(broker: Broker, connection: socket.socket, mark: int) -> list[str]:
    """The log lines that name this connection's address."""
    host, port = connection.getsockname()[:2]
    return [line for line in broker.log.lines[mark:] if f"{host}:{port}" in line]


@pytest.mark.parametrize(
    ("sent", "looks_like"),
    [
        pytest.param(PLAIN_CONNECT, "MQTT without encryption", id="MQTT in plain"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP without encryption", id="HTTP"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", "SSH", id="SSH"),
        pytest.param(bytes(range(128, 256)) * 8, "nothing known", id="garbage"),
        pytest.param(b"\x00", "nothing known", id="one byte"),
    ],
)
def test_what_is_not_tls_is_named_and_closed(narrow: Broker, pair: Pair, sent: bytes, looks_like: str) -> None:
    mark = narrow.mark
    with narrow.plain() as connection:
        connection.sendall(sent)
        assert everything_from(connection) == b""
        narrow.log.wait(f"{connection.getsockname()[1]} was refused: .*{looks_like}.*; next: ", after=mark)
        assert len(lines_about(narrow, connection, mark)) == 1


@pytest.mark.parametrize(
    ("sent", "alert"),
    [
        pytest.param(b"\x16\x03\x01\x00\x10" + b"\xff" * 16, None, id="a record of noise"),
        pytest.param(b"\x16\x03\x01\xff\xff" + b"\x01" * 65_535, 22, id="a record that is too long"),
        pytest.param(b"\x17\x03\x03\x00\x10" + b"\x00" * 16, 10, id="application data first"),
    ],
)
def test_broken_tls_gets_an_alert(narrow: Broker, pair: Pair, sent: bytes, alert: int | None) -> None:
    mark = narrow.mark
    with narrow.plain() as connection:
        connection.sendall(sent)
        answer = everything_from(connection)
        assert answer[:1] == b"\x15", "no alert came"
        assert answer[5] == 2, "the alert is not fatal"
        assert alert is None or answer[6] == alert
        narrow.log.wait(f"{connection.getsockname()[1]} was refused: ", after=mark)
        assert len(lines_about(narrow, connection, mark)) == 1


def test_the_alert_arrives_although_the_peer_has_sent_much_more(narrow: Broker, pair: Pair) -> None:
    """Closing at once would make the kernel send a reset, which overtakes the alert."""
    with narrow.plain() as connection:
        with suppress(ConnectionError):  # who is slow to send it finds the broker gone, and the alert there
            connection.sendall(b"\x17\x03\x03\x00\x10" + bytes(200_000))
        answer = b""
        connection.settimeout(WAIT)
        while len(answer) < 7:
            piece = connection.recv(7 - len(answer))
            assert piece, f"the connection ended after {answer!r}"
            answer += piece
    assert answer[:1] == b"\x15"


def test_who_connects_and_closes_at_once_costs_one_line(narrow: Broker, pair: Pair) -> None:
    mark = narrow.mark
    with narrow.plain() as connection:
        port = connection.getsockname()[1]
    narrow.log.wait(f":{port} went away during the handshake", after=mark)
    assert len([line for line in narrow.log.lines[mark:] if f":{port} " in line]) == 1


def client_hello() -> bytes:
    """The first flight of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("share", [0, 0.5, 1], ids=["silence", "half a ClientHello", "a whole ClientHello"])
def test_an_unfinished_handshake_meets_the_deadline(impatient: Broker, hasty_pair: Pair, share: float) -> None:
    mark = impatient.mark
    hello = client_hello()
    with impatient.plain() as connection:
        connection.sendall(hello[: int(len(hello) * share)])
        everything_from(connection)
        line = impatient.log.wait(f":{connection.getsockname()[1]} sent no whole TLS handshake in 3 s", after=mark)
        assert "handshake_timeout" in line
        assert len(lines_about(impatient, connection, mark)) == 1


@pytest.mark.parametrize("share", [0, 0.5], ids=["no CONNECT", "half a CONNECT"])
def test_a_connect_that_never_comes_whole_meets_the_deadline(impatient: Broker, hasty_pair: Pair, share: float) -> None:
    mark = impatient.mark
    with impatient.tls("sensor-2") as connection:
        connection.sendall(CONNECT_V5[: int(len(CONNECT_V5) * share)])
        assert everything_from(connection) == b""
        port = connection.getsockname()[1]
        line = impatient.log.wait(rf"sensor-2 \(127.0.0.1:{port}\) sent no whole CONNECT in 3 s", after=mark)
        assert "connect_timeout" in line
        assert len(lines_about(impatient, connection, mark)) == 1


@pytest.mark.parametrize(
    ("sent", "reason_code", "words"),
    [
        pytest.param(packet(0x30, bytes(20_000)), 0x95, "larger than the 10,000 that are allowed", id="too large"),
        pytest.param(b"\x30\xff\xff\xff\x7f", 0x95, "larger than", id="only announced"),
        pytest.param(b"\x30\xff\xff\xff\xff", 0x81, "more than four bytes", id="a length of five bytes"),
        pytest.param(b"\xc1\x00", 0x81, "flags", id="reserved flags of PINGREQ"),
        pytest.param(b"\x36\x03\x00\x01a", 0x81, "QoS", id="QoS 3"),
        pytest.param(publish("devices/+/x", b""), 0x90, "wildcard", id="PUBLISH with a wildcard"),
        pytest.param(packet(0x30, b"\x00\x02\xc3\x28\x00"), 0x81, "UTF-8", id="a topic that is not UTF-8"),
        pytest.param(CONNECT_V5, 0x82, "CONNECT", id="a second CONNECT"),
        pytest.param(b"\x00\x00", 0x81, "reserved", id="packet type 0"),
        pytest.param(b"\x20\x02\x00\x00", 0x82, "CONNACK", id="a server's packet"),
        pytest.param(packet(0x82, b"\x00\x01\x00"), 0x82, "", id="SUBSCRIBE without a filter"),
    ],
)
def test_a_client_that_breaks_mqtt_5_gets_disconnect_with_the_reason(
    narrow: Broker, pair: Pair, sent: bytes, reason_code: int, words: str
) -> None:
    mark = narrow.mark
    with narrow.tls("sensor-2") as connection:
        connect_v5(connection, "breaker")
        connection.sendall(sent)
        first, body = read_packet(connection)
        assert (first, f"0x{body[0]:02X}") == (0xE0, f"0x{reason_code:02X}")
        assert connection.recv(1) == b""
        port = connection.getsockname()[1]
        pattern = rf"sensor-2 \(client 'breaker', 127.0.0.1:{port}\) ends: .*{words}.*\(reason code 0x{reason_code:02X}"
        narrow.log.wait(pattern, after=mark)
        assert len(lines_about(narrow, connection, mark)) == 2  # that it came, and that it went


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        pytest.param(PINGREQ, b"", id="PINGREQ first"),
        pytest.param(b"\x10\xff\xff\x03", b"", id="a CONNECT that is too large, only announced"),
        pytest.param(packet(0x10, text("MQTT") + b"\x05\x02\x00\x3c\x00" + text("x" * 2_000)), 0x95, id="too large"),
        pytest.param(packet(0x10, text("MQTT") + b"\x07\x02\x00\x3c\x00\x00\x00"), 0x84, id="level 7"),
        pytest.param(packet(0x10, text("MQIsdp") + b"\x03\x02\x00\x3c\x00\x00"), b"\x20\x02\x00\x01", id="MQTT 3.1"),
        pytest.param(packet(0x10, text("MQTT") + b"\x05\x03\x00\x3c\x00\x00\x00"), 0x81, id="reserved flag"),
    ],
)
def test_a_wrong_first_packet_is_refused(narrow: Broker, pair: Pair, sent: bytes, answer: bytes | int) -> None:
    mark = narrow.mark
    with narrow.tls("sensor-2") as connection:
        connection.sendall(sent)
        said = everything_from(connection)
        if isinstance(answer, int):
            assert (said[0], said[2], said[3]) == (0x20, 0, answer)
        else:
            assert said == answer
        narrow.log.wait(rf"sensor-2 \(127.0.0.1:{connection.getsockname()[1]}\) ends: ", after=mark)
        assert len(lines_about(narrow, connection, mark)) == 1


def test_a_client_of_mqtt_3_1_1_that_breaks_it_is_closed_without_a_word(narrow: Broker, pair: Pair) -> None:
    mark = narrow.mark
    with narrow.tls("sensor-2") as connection:
        connection.sendall(PLAIN_CONNECT)
        assert read_packet(connection) == (0x20, b"\x00\x00")
        connection.sendall(packet(0x30, text("devices/sensor-2/#")))
        assert everything_from(connection) == b""
        narrow.log.wait(f":{connection.getsockname()[1]}.* ends: .*wildcard", after=mark)


def test_a_client_that_falls_silent_meets_its_keep_alive(narrow: Broker, pair: Pair) -> None:
    mark = narrow.mark
    with narrow.tls("sensor-2") as connection:
        connection.sendall(packet(0x10, text("MQTT") + b"\x05\x02\x00\x01\x00" + text("silent")))
        assert read_packet(connection)[0] == 0x20
        first, body = read_packet(connection)
        assert (first, body[0]) == (0xE0, 0x8D)
        narrow.log.wait("sensor-2 .*'silent'.* ends: nothing was heard of it for 2 s", after=mark)


def test_an_altered_record_ends_the_link_with_an_alert(narrow: Broker, pair: Pair) -> None:
    mark = narrow.mark
    with narrow.tls("sensor-2") as connection:
        connect_v5(connection)
        plain = socket.socket(fileno=connection.detach())
    with plain:
        plain.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        answer = everything_from(plain)
        assert answer[:1] in (b"\x15", b"\x17"), "no alert came"  # TLS 1.3 dresses it as application data
        line = narrow.log.wait(f":{plain.getsockname()[1]}.* ends: ", after=mark)
    assert "altered" in line


def test_two_thousand_garbage_connections_and_two_hundred_that_send_one_byte_leave_nothing_behind(
    impatient: Broker, hasty_pair: Pair
) -> None:
    mark, before = impatient.mark, impatient.descriptors()
    waiting = []
    for _ in range(200):
        connection = impatient.plain()
        connection.sendall(b"\x16")
        waiting.append(connection)
    hasty_pair.assert_served()
    resident = 0
    for number in range(2_000):
        with impatient.plain() as connection:
            connection.sendall(b"\xde\xad\xbe\xef" * 4)
        if number % 100 == 99:  # how many there are at once, and how much memory they need, is not left to chance
            impatient.log.wait("was refused: .*de ad be ef", after=mark, count=number + 1)
        if number == 999:
            hasty_pair.assert_served()
            resident = impatient.resident_bytes()
    hasty_pair.assert_served()
    impatient.log.wait("sent no whole TLS handshake in 3 s", after=mark, count=200)
    for connection in waiting:
        assert everything_from(connection) == b""
        connection.close()
    hasty_pair.assert_served()
    wait_until(lambda: impatient.descriptors() <= before + 2)  # it hears of each end in its own time
    assert impatient.resident_bytes() < resident + 4_000_000, "the second thousand cost memory that stayed"
