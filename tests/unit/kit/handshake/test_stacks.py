from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.errors import TLSError
from sealmq.kit.dissect.hello import ClientHello, read_client_hello
from sealmq.kit.handshake.ja import ja3, ja4
from sealmq.kit.handshake.stacks import EXACT, LIKELY, Known, guess_stack, known_clients, nearest_stack, traits_of
from tls_messages import client_hello, extension, vector

ROOT = Path(__file__).parents[4]
TABLE = json.loads((ROOT / "src/sealmq/kit/handshake/fingerprints.json").read_text())["clients"]
HELLOS: dict[str, dict[str, str]] = json.loads((ROOT / "tests/vectors/client_hellos.json").read_text())["clients"]
ALONE = ("sealmq-mbedtls-3.6", "reference-firmware")
"""Clients that are known by their own row alone: with a short list of suites, which is our policy's, and TLS 1.3, which
no other Mbed TLS of the table has."""

CLIENT = pytest.mark.parametrize("row", TABLE, ids=[row["key"] for row in TABLE])


def hello_of(key: str) -> ClientHello:
    return read_client_hello(bytes.fromhex(HELLOS[key]["hello"]))


@CLIENT
def test_the_table_says_what_the_clients_said(row: dict[str, object]) -> None:
    key = str(row["key"])
    hello = hello_of(key)
    assert (row["ja3"], row["ja3_text"]) == ja3(hello)
    assert (row["ja4"], row["ja4_r"]) == ja4(hello)
    assert (row["size"], row["session_id"]) == (len(HELLOS[key]["hello"]) // 2, len(hello.session_id))
    assert row["grease"] == traits_of(hello).grease
    assert row["stack"] == HELLOS[key]["stack"]


def test_every_hello_is_in_the_table() -> None:
    assert [row["key"] for row in TABLE] == list(HELLOS)
    assert len({row["stack"] for row in TABLE}) >= 8


@CLIENT
def test_a_client_of_the_table_is_known_again(row: dict[str, object]) -> None:
    words, sure = guess_stack(hello_of(str(row["key"])))
    assert words.startswith(f"{row['stack']}, as in ")
    assert sure == EXACT


@CLIENT
def test_its_reading_from_the_table_is_that_from_the_hello(row: dict[str, object]) -> None:
    (known,) = (one for one in known_clients() if one.ja3_text == row["ja3_text"] and one.client == row["client"])
    assert known.traits == traits_of(hello_of(str(row["key"])))


@CLIENT
def test_without_its_own_row_it_is_taken_for_no_other(row: dict[str, object]) -> None:
    others = [one for one in known_clients() if one.rest != str(row["ja4_r"]).partition("_")[2]]
    assert nearest_stack(traits_of(hello_of(str(row["key"]))), others) in ("", row["stack"])


@CLIENT
def test_without_its_library_it_is_nobodys(row: dict[str, object]) -> None:
    others = [one for one in known_clients() if one.stack != row["stack"]]
    assert nearest_stack(traits_of(hello_of(str(row["key"]))), others) == ""


@pytest.mark.parametrize("stack", ["OpenSSL", "Mbed TLS"])
def test_a_library_of_which_several_versions_were_measured_is_known_by_the_others(stack: str) -> None:
    for row in TABLE:
        if row["stack"] == stack:
            others = [one for one in known_clients() if one.rest != row["ja4_r"].partition("_")[2]]
            assert nearest_stack(traits_of(hello_of(row["key"])), others) == ("" if row["key"] in ALONE else stack)


def changed(key: str, *, drop: set[int] = frozenset(), add: tuple[bytes, ...] = (), first: int = 999) -> ClientHello:  # type: ignore[assignment]
    """The hello of a client with some of it another: extensions dropped, added; only its first suites."""
    hello = hello_of(key)
    kept = [extension(one.code, one.body) for one in hello.extensions if one.code not in drop]
    suites = b"".join(one.to_bytes(2, "big") for one in hello.suites[:first])
    return read_client_hello(client_hello(*kept, *add, suites=suites, session_id=hello.session_id))


@pytest.mark.parametrize("key", ["mosquitto", "mbedtls", "java", "go", "gnutls"])
def test_name_and_protocol_do_not_matter(key: str) -> None:
    """By an address, and with the protocol that AWS wants."""
    aws = extension(16, vector(2, vector(1, b"x-amzn-mqtt-ca")))
    row = next(one for one in TABLE if one["key"] == key)
    words, sure = guess_stack(changed(key, drop={0}, add=(aws,)))
    assert (words.partition(",")[0], sure) == (row["stack"], EXACT)


@pytest.mark.parametrize("key", ["mosquitto", "java", "go", "gnutls", "wolfssl"])
def test_a_client_that_comes_back_is_likely(key: str) -> None:
    """pre_shared_key, which is only there when a session is resumed, makes it another hello."""
    row = next(one for one in TABLE if one["key"] == key)
    assert guess_stack(changed(key, add=(extension(41, bytes(80)),))) == (row["stack"], LIKELY)


@pytest.mark.parametrize("key", ["mosquitto", "mbedtls", "wolfssl", "bearssl", "java"])
def test_a_client_with_few_suites_is_likely(key: str) -> None:
    """Firmware offers what it needs, and no more."""
    row = next(one for one in TABLE if one["key"] == key)
    assert guess_stack(changed(key, first=6)) == (row["stack"], LIKELY)


def test_a_hello_of_nobody_is_not_named() -> None:
    assert guess_stack(read_client_hello(client_hello(suites=b"\x12\x34"))) == ("", "")
    assert guess_stack(read_client_hello(client_hello(suites=b""))) == ("", "")


def test_a_flood_of_numbers_is_not_looked_at() -> None:
    """It is the hello of openssl with more suites than anybody offers."""
    hello = hello_of("openssl")
    more = b"".join(number.to_bytes(2, "big") for number in range(0x6000, 0x6000 + 30_000))
    kept = [extension(one.code, one.body) for one in hello.extensions]
    assert guess_stack(read_client_hello(client_hello(*kept, suites=more))) == ("", "")


def test_two_libraries_that_are_equally_near_are_not_named() -> None:
    traits = traits_of(hello_of("openssl"))
    twins = [Known(name, "", name, "", "", traits) for name in ("one", "other")]
    assert nearest_stack(traits, twins) == ""
    assert nearest_stack(traits, twins[:1]) == "one"
    assert nearest_stack(traits, []) == ""


@given(st.data())
def test_whatever_hello_there_is_it_answers(data: st.DataObject) -> None:
    valid = bytes.fromhex(HELLOS[data.draw(st.sampled_from(sorted(HELLOS)))]["hello"])
    mutated = bytearray(valid)
    for _ in range(data.draw(st.integers(1, 6))):
        mutated[data.draw(st.integers(4, len(valid) - 1))] = data.draw(st.integers(0, 255))
    try:
        hello = read_client_hello(bytes(mutated))
    except TLSError:
        return
    words, sure = guess_stack(hello)
    assert bool(words) == bool(sure)
    assert sure in (EXACT, LIKELY, "")
