from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.errors import TLSError
from sealmq.kit.dissect.hello import ClientHello, read_client_hello
from sealmq.kit.handshake.ja import ja3, ja4
from tls_messages import client_hello, extension, vector

SUITES = "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"
SORTED = "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9"
SCHEMES = "0403,0804,0401,0503,0805,0501,0806,0601"


def numbers(text: str) -> bytes:
    return bytes.fromhex(text.replace(",", ""))


def bodies(schemes: str, groups: str = "001d,0017,0018", versions: str = "0304,0303") -> dict[int, bytes]:
    return {
        0: vector(2, b"\0" + vector(2, b"example.org")),
        10: vector(2, numbers(groups)),
        11: vector(1, b"\0"),
        13: vector(2, numbers(schemes)),
        16: vector(2, vector(1, b"h2"), vector(1, b"http/1.1")),
        43: vector(1, numbers(versions)),
    }


def hello(suites: str, extensions: str, found: dict[int, bytes]) -> ClientHello:
    codes = [int(code, 16) for code in extensions.split(",") if code]
    return read_client_hello(
        client_hello(*(extension(code, found.get(code, b"")) for code in codes), suites=numbers(suites))
    )


def example(suites: str = SUITES, extensions: str | None = None, schemes: str = SCHEMES, **more: str) -> ClientHello:
    """The hello of the documentation of JA4."""
    listed = "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015"
    return hello(suites, listed if extensions is None else extensions, bodies(schemes, **more))


def test_the_example_of_ja4s_documentation() -> None:
    """technical_details/JA4.md, "Example" and "Raw Output"."""
    rest = f"0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_{SCHEMES}"
    assert ja4(example()) == ("t13d1516h2_8daaf6152771_e5627efa2ab1", f"t13d1516h2_{SORTED}_{rest}")


def test_a_browser_as_others_have_measured_it() -> None:
    """Chrome 143, as browserleaks.com showed it to somebody: JA3 with its text, JA4 with its raw form."""
    found = hello(
        f"0a0a,{SUITES}",
        "3a3a,002d,0033,0010,fe0d,0017,44cd,0000,000b,000a,002b,ff01,0023,0012,0005,000d,001b,fafa",
        bodies(SCHEMES, groups="dada,11ec,001d,0017,0018", versions="4a4a,0304,0303"),
    )
    assert ja3(found) == (
        "98487aa16281980e7d1120d399efb6a4",
        "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,"
        "45-51-16-65037-23-17613-0-11-10-43-65281-35-18-5-13-27,4588-29-23-24,0",
    )
    rest = f"0005,000a,000b,000d,0012,0017,001b,0023,002b,002d,0033,44cd,fe0d,ff01_{SCHEMES}"
    assert ja4(found) == ("t13d1516h2_8daaf6152771_d8a2da3f94cd", f"t13d1516h2_{SORTED}_{rest}")


def test_grease_changes_nothing() -> None:
    """RFC 8701: among suites, extensions, groups, signatures and versions."""
    greased = example(
        f"{SUITES},1a1a",
        "baba,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015,caca",
        schemes=f"0a0a,{SCHEMES}",
        groups="5a5a,001d,0017,0018",
        versions="fafa,0304,0303",
    )
    assert (ja3(greased), ja4(greased)) == (ja3(example()), ja4(example()))


def test_a_hello_without_signatures_has_no_underscore_for_them() -> None:
    """Its hash is in the documentation: "If there are no signature algorithms in the hello packet"."""
    found = example(schemes="")
    rest = "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01"
    assert ja4(found) == ("t13d1516h2_8daaf6152771_6d807ffa2a79", f"t13d1516h2_{SORTED}_{rest}")


def test_a_hello_with_nothing_in_it() -> None:
    """An empty list is twelve zeros, not the hash of nothing."""
    found = hello("", "", {})
    assert ja4(found) == ("t12i000000_000000000000_000000000000", "t12i000000__")
    assert ja3(found) == (hashlib.md5(b"771,,,,", usedforsecurity=False).hexdigest(), "771,,,,")
    assert ja4(hello("", "0000,0010", bodies(SCHEMES)))[0] == "t12d0002h2_000000000000_000000000000"


def test_name_and_protocol_count_only_at_the_front() -> None:
    named, bare = (ja4(example(extensions=codes))[0] for codes in ("0000,0010,000a,000d", "000a,000d"))
    assert (named[:10], bare[:10]) == ("t12d1504h2", "t12i150200")
    assert named[10:] == bare[10:]


@pytest.mark.parametrize(
    ("protocol", "ends"),
    [
        (b"h2", "h2"), (b"http/1.1", "h1"), (b"mqtt", "mt"), (b"x", "xx"), (b"x-amzn-mqtt-ca", "xa"),
        (b"\xab", "ab"), (b"\xab\xcd", "ad"), (b"0\xab", "3b"), (b"01\xab\xcd", "3d"), (b"0\xab\xcd1", "01"),
        (b"-", "2d"),
    ],
)  # fmt: skip
def test_the_protocol_is_told_by_its_ends(protocol: bytes, ends: str) -> None:
    """The examples of "ALPN Extension Value" in the documentation, and those of MQTT."""
    found = read_client_hello(client_hello(extension(16, vector(2, vector(1, protocol)))))
    assert ja4(found)[0][8:10] == ends


@pytest.mark.parametrize("body", [b"", b"\0", b"\0\0", b"\0\x01\x00", b"\0\x03\x09h2", b"\0\x02\x01"])
def test_a_broken_or_empty_protocol_is_none(body: bytes) -> None:
    assert ja4(read_client_hello(client_hello(extension(16, body))))[0][8:10] == "00"


@pytest.mark.parametrize(
    ("versions", "told"),
    [("0304,0303", "13"), ("0303,0304", "13"), ("0302,0303", "12"), ("0302", "11"), ("0301", "10"), ("0300", "s3"),
     ("0002", "s2"), ("feff", "d1"), ("fefd", "d2"), ("fefc", "d3"), ("7f1c", "00"), ("", "12"), ("0a0a", "12")],
)  # fmt: skip
def test_the_newest_version_counts(versions: str, told: str) -> None:
    found = read_client_hello(client_hello(extension(43, vector(1, numbers(versions)))))
    assert ja4(found)[0][1:3] == told


def test_more_than_99_are_99() -> None:
    suites = ",".join(f"{number:04x}" for number in range(1, 120))
    codes = ",".join(f"{number:04x}" for number in range(0x4000, 0x4080))
    assert ja4(hello(suites, codes, {}))[0][4:8] == "9999"


@given(st.data())
def test_whatever_hello_there_is_it_has_both(data: st.DataObject) -> None:
    """Mutated hellos: their extensions may be anything."""
    valid = client_hello(*(extension(code, body) for code, body in bodies(SCHEMES).items()), suites=numbers(SUITES))
    changed = bytearray(valid)
    for _ in range(data.draw(st.integers(1, 6))):
        changed[data.draw(st.integers(4, len(valid) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_client_hello(bytes(changed))
    except TLSError:
        return
    (three, text), (four, raw) = ja3(found), ja4(found)
    assert three == hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    assert text.count(",") == 4
    start, suites, rest = four.split("_")
    assert (len(start), len(suites), len(rest)) == (10, 12, 12)
    assert raw.startswith(f"{start}_")
    assert raw.isprintable()
