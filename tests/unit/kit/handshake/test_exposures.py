"""What an eavesdropper sees of a TLS connection: the same with keys as without."""

from __future__ import annotations

from pathlib import Path

import pytest

from libraries import PSK_LIBRARIES, able
from middleware_pairs import DEVICE_PSK
from overheard import heard_by_psk
from sealmq.kit.dissect.conversation import Conversation, Sender
from sealmq.kit.dissect.hello import read_server_hello
from sealmq.kit.dissect.keylog import read_key_log
from sealmq.kit.dissect.reading import Reading
from sealmq.kit.handshake.exposures import certificate_in_words, content_of, exposures_of, in_words, rhythm
from sealmq.kit.handshake.report import Certificate
from sealmq.tls.middleware import Version
from tls_messages import extension, server_hello
from tls_pairs import Trust
from wiretap import Wire, between, contexts

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER


def spoken(trust: Trust, version: str, keys: Path) -> Wire:
    client, server = contexts(trust, version)
    client.keylog_filename = str(keys)
    tapped = between(client, server)
    tapped.carry()
    tapped.say(CLIENT, b"hello")
    return tapped


def read(tapped: Wire, keys: Path | None) -> Conversation:
    key_log = None if keys is None else read_key_log(keys.read_text().splitlines())
    reading = Reading(key_log)
    for second, (sender, data) in enumerate(tapped.passed):
        reading.receive_data(sender, data, float(second))
    return reading.conversation


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_keys_do_not_make_the_eavesdropper_see_more(trust: Trust, version: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    tapped = spoken(trust, version, keys)
    opened, sealed = read(tapped, keys), read(tapped, None)
    assert opened.opened
    assert b"hello" in opened.application[CLIENT]
    rows = exposures_of(opened, seconds=3.0)
    assert rows == exposures_of(sealed, seconds=3.0)
    assert [one.id for one in rows] == [f"SNF-{number:02}" for number in range(1, 12)]
    seen = {one.id: one for one in rows}
    assert seen["SNF-04"].visible is seen["SNF-05"].visible is (version == "TLSv1.2")
    assert seen["SNF-11"].value == "address, and times: here for 3.0 s"


def test_what_was_no_tls_has_no_rows() -> None:
    assert exposures_of(Conversation()) == ()


def test_a_hello_without_an_answer_is_seen(trust: Trust, tmp_path: Path) -> None:
    tapped = spoken(trust, "TLSv1.3", tmp_path / "keys")
    tapped.passed = tapped.passed[:1]
    rows = {one.id: one for one in exposures_of(read(tapped, None))}
    assert rows["SNF-06"].value.startswith("offered: ")
    assert rows["SNF-04"].value == "none was shown"


@pytest.mark.parametrize(
    ("suite", "tls13", "overhead"),
    [(0x1301, True, 17), (0x1304, True, 17), (0x1305, True, 9), (0xC02B, False, 24), (0xC0AC, False, 24),
     (0xC0AE, False, 16), (0xCCA9, False, 16), (0xC023, False, 49), (0xC009, False, 37), (0xC024, False, 65)],
)  # fmt: skip
def test_the_overhead_is_that_of_the_suite(suite: int, tls13: bool, overhead: int) -> None:
    extensions = [extension(43, b"\x03\x04")] if tls13 else []
    answer = read_server_hello(server_hello(*extensions, suite=suite.to_bytes(2, "big")))
    assert content_of(100 + overhead, answer) == 100
    assert content_of(3, answer) == 0


def test_an_unknown_suite_has_no_overhead_that_is_known() -> None:
    answer = read_server_hello(server_hello(suite=b"\xfa\xfa"))
    assert content_of(100, answer) is None
    assert content_of(100, None) is None


def test_words() -> None:
    assert in_words(1, "byte") == "1 byte"
    assert in_words(12_345, "byte") == "12,345 bytes"
    assert rhythm([], []) == ""
    assert rhythm([1.0, 3.0, 5.5], [2, 2]) == ", 2 bytes inside, mostly 2.25 s apart"
    assert rhythm([1.0, 1.02], [2, 30]) == ", 2 to 30 bytes inside, mostly 20 ms apart"
    assert certificate_in_words(Certificate(position=0, size=7, sha256="", readable=False)) == (
        "7 bytes that are no certificate"
    )


@pytest.mark.parametrize(("library", "version"), able(PSK_LIBRARIES, "psk_server"))
def test_the_name_of_a_pre_shared_key_is_seen_and_no_certificate_is(library: str, version: Version) -> None:
    rows = {one.id: one for one in exposures_of(heard_by_psk(library, version))}
    assert rows["SNF-07"].visible
    assert "pre-shared key" in rows["SNF-07"].value
    assert DEVICE_PSK.identity in rows["SNF-07"].value
    assert rows["SNF-04"].value == rows["SNF-05"].value == "none was shown"
