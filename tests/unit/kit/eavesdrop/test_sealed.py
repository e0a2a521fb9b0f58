"""A listener without keys: what real TLS leaves him, and what it does not."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libraries import PSK_LIBRARIES, able
from middleware_pairs import DEVICE_PSK
from overheard import by_psk
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.framing import Kind
from sealmq.kit.eavesdrop.sealed import Links, Sealed
from sealmq.kit.eavesdrop.sight import Sight
from sealmq.kit.handshake.exposures import TITLES
from sealmq.kit.handshake.report import Exposure
from sealmq.tls.middleware import Version
from tls_pairs import Trust
from wiretap import Wire, between, contexts, wire

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER


class Ear:
    """A listener, and what he was told."""

    def __init__(self, links: Links | None = None, number: int = 1) -> None:
        self.sight = Sight(number, Kind.TLS)
        self.told: list[tuple[str, str, str]] = []
        self.observer = Sealed(self.sight, self._report, links or Links())

    def _report(self, sender: Sender, name: str, line: str, details: tuple[tuple[str, str], ...]) -> None:
        assert line.isprintable()
        assert all(value.isprintable() for pair in details for value in pair)
        self.told.append((sender.value, name, line))

    def hear(self, tapped: Wire, size: int = 100_000) -> Ear:
        """All that passed, in pieces; a piece each second."""
        for second, (sender, data) in enumerate(tapped.passed):
            for at in range(0, len(data), size):
                self.observer.receive_data(sender, data[at : at + size], float(second))
        self.sight.over = float(len(tapped.passed))
        return self

    def lines(self, name: str) -> list[str]:
        return [line for _, kind, line in self.told if kind == name]

    def rows(self) -> dict[str, Exposure]:
        return {one.id: one for one in self.observer.exposures()}


SECRET = b"home/secret-topic hunter22 and my-payload"


def spoken(trust: Trust, version: str, ciphers: str = "") -> Wire:
    """A connection on which CONNECT, CONNACK, a long message, and three pings were said."""
    tapped = wire(trust, version, ciphers=ciphers)
    tapped.carry()
    assert tapped.errors == {}
    tapped.say(CLIENT, b"x" * 20)
    tapped.say(SERVER, b"y" * 4)
    tapped.say(CLIENT, SECRET)
    for _ in range(3):
        tapped.say(CLIENT, b"\xc0\x00")
        tapped.say(SERVER, b"\xd0\x00")
    return tapped


@pytest.mark.parametrize("size", [1, 13, 100_000])
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_the_inside_is_told_by_its_length_alone(trust: Trust, version: str, size: int) -> None:
    ear = Ear().hear(spoken(trust, version), size)
    about = [line for line in ear.lines("record") if "inside" in line]
    assert any(f"about {len(SECRET)} bytes inside" in line for line in about)
    assert sum("perhaps PINGREQ" in line for line in about) == sum("perhaps PINGRESP" in line for line in about) == 3
    for secret in ("secret-topic", "hunter22", "my-payload"):
        assert secret not in repr(ear.told) + repr(ear.sight) + repr(ear.rows())


@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "CHACHA20-POLY1305", "AES128-CCM", "AES256-CCM8"])
def test_the_length_is_exact_for_every_kind_of_suite(trust: Trust, cipher: str) -> None:
    level = ":@SECLEVEL=0" if cipher.endswith("8") else ""
    ear = Ear().hear(spoken(trust, "TLSv1.2", f"ECDHE-ECDSA-{cipher}{level}"))
    assert any(f"about {len(SECRET)} bytes inside" in line for line in ear.lines("record"))


def test_with_blocks_it_is_a_bound(trust: Trust) -> None:
    ear = Ear().hear(spoken(trust, "TLSv1.2", "ECDHE-ECDSA-AES128-SHA256"))
    sizes = [int(line.split("about ")[1].split()[0]) for line in ear.lines("record") if "about" in line]
    assert len(SECRET) <= max(sizes) <= len(SECRET) + 16


def test_tls_1_2_shows_both_certificates_and_1_3_shows_none(trust: Trust) -> None:
    old, new = Ear().hear(spoken(trust, "TLSv1.2")), Ear().hear(spoken(trust, "TLSv1.3"))
    assert len(old.lines("Certificate")) == 2
    assert "CN=localhost" in old.rows()["SNF-04"].value
    assert "CN=device" in old.rows()["SNF-05"].value
    assert format(trust.device.certificate.serial_number, "x") in old.rows()["SNF-05"].value.replace(":", "").lower()
    assert new.lines("Certificate") == []
    assert "CN=device" not in repr(new.told) + repr(new.rows())
    assert [(old.rows()[id_].visible, new.rows()[id_].visible) for id_ in ("SNF-04", "SNF-05")] == [(True, False)] * 2


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_the_hello_the_rhythm_and_the_noise_are_seen(trust: Trust, version: str) -> None:
    ear = Ear().hear(spoken(trust, version))
    rows = ear.rows()
    assert list(rows) == list(TITLES)
    assert rows["SNF-03"].value == "localhost"
    assert ear.sight.version == {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}[version]
    assert version.replace("v", " ") in rows["SNF-06"].value
    assert "a ping about each 2 s" in rows["SNF-08"].value
    assert not rows["SNF-01"].visible
    meter = ear.sight.meters[CLIENT]
    assert meter.bits > 0.8 * meter.most


def test_a_device_is_known_again_by_its_ticket_in_tls_1_2(trust: Trust) -> None:
    links = Links()
    client, server = contexts(trust, "TLSv1.2")
    first = between(client, server)
    first.carry()
    Ear(links, 1).hear(first)
    second = between(client, server, session=first.client.session)
    second.carry()
    assert second.client.session_reused
    ear = Ear(links, 2).hear(second)
    assert ear.lines("linked")[0] == "the same ticket as in connection #1: it is the same device"
    assert ear.rows()["SNF-07"].value == "the same device as in connection #1"
    assert ear.rows()["SNF-05"].value == "none was shown"


def test_a_device_is_known_again_by_its_certificate_in_tls_1_2(trust: Trust) -> None:
    links = Links()
    Ear(links, 1).hear(spoken(trust, "TLSv1.2"))
    assert "certificate" in Ear(links, 2).hear(spoken(trust, "TLSv1.2")).lines("linked")[0]


def test_a_ticket_of_tls_1_3_links_when_it_is_used_twice(trust: Trust) -> None:
    links = Links()
    client, server = contexts(trust, "TLSv1.3")
    first = between(client, server)
    first.carry()
    assert Ear(links, 1).hear(first).lines("linked") == []
    for number in (2, 3):
        again = between(client, server, session=first.client.session)
        again.carry()
        ear = Ear(links, number).hear(again)
        assert [line.endswith("#2: it is the same device") for line in ear.lines("linked")] == [True] * (number - 2)


def test_an_alert_in_clear_is_told(trust: Trust) -> None:
    client, server = contexts(trust, "TLSv1.3")
    server.minimum_version = server.maximum_version = ssl.TLSVersion.TLSv1_2
    tapped = between(client, server)
    tapped.carry()
    assert "protocol_version, in clear" in Ear().hear(tapped).lines("alert")[0]


def test_links_forget_the_oldest() -> None:
    links = Links(most=3)
    for number in range(5):
        assert links.seen("ticket", bytes([number]), number) is None
    assert links.seen("ticket", bytes([4]), 9) == 4
    assert links.seen("ticket", bytes([0]), 9) is None
    assert links.seen("ticket", bytes([4]), 9) is None  # by the same connection


def test_a_connection_that_lasts_costs_no_more_memory(trust: Trust) -> None:
    ear = Ear().hear(spoken(trust, "TLSv1.3"))
    record = b"\x17\x03\x03\x00\x20" + bytes(32)
    for number in range(5_000):
        ear.observer.receive_data(CLIENT, record, 100.0 + number)
    assert len(ear.observer._reading.conversation.records) <= 2_001
    assert len(ear.observer._times[CLIENT]) == 256
    assert "device: 5,0" in ear.rows()["SNF-08"].value


@given(st.lists(st.tuples(st.sampled_from(Sender), st.binary(max_size=120)), max_size=12))
def test_garbage_is_never_an_exception(pieces: list[tuple[Sender, bytes]]) -> None:
    ear = Ear()
    for sender, data in pieces:
        ear.observer.receive_data(sender, data, 0.0)
    ear.observer.exposures()


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@given(data=st.data())
def test_a_real_connection_with_a_byte_that_is_wrong_is_never_an_exception(
    trust: Trust, version: str, data: st.DataObject
) -> None:
    passed = _spoken_once(trust, version)
    which = data.draw(st.integers(0, len(passed) - 1))
    place = data.draw(st.integers(0, len(passed[which][1]) - 1))
    value = data.draw(st.integers(0, 255))
    ear = Ear()
    for number, (sender, piece) in enumerate(passed):
        if number == which:
            piece = piece[:place] + bytes([value]) + piece[place + 1 :]
        ear.observer.receive_data(sender, piece, float(number))
    ear.observer.exposures()


_kept: dict[str, list[tuple[Sender, bytes]]] = {}


def _spoken_once(trust: Trust, version: str) -> list[tuple[Sender, bytes]]:
    if version not in _kept:
        _kept[version] = spoken(trust, version).passed
    return _kept[version]


@pytest.mark.parametrize(("library", "version"), able(PSK_LIBRARIES, "psk_server"))
def test_a_pre_shared_key_is_told_by_its_name_and_links_the_connections(library: str, version: Version) -> None:
    links = Links()
    for number in (1, 2):
        ear = Ear(links, number)
        for second, (sender, data) in enumerate(by_psk(library, version)):
            ear.observer.receive_data(sender, data, float(second))
        assert ear.lines("PSK") == [f"in clear, the name of its pre-shared key: {DEVICE_PSK.identity}"]
    assert ear.lines("linked") == ["the same pre-shared key as in connection #1: it is the same device"]
