"""What is written as C is read back; what no compiler would take is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bundle_credentials
from sealmq.devices.bundles import c_literals
from sealmq.devices.bundles.c_literals import read_literals
from sealmq.errors import BundleError


@given(st.binary(min_size=1, max_size=200))
def test_bytes_come_back(data: bytes) -> None:
    assert read_literals(c_literals.byte_array("DATA", data).encode()) == {"DATA": data}


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_short_texts_come_back(text: str) -> None:
    assert read_literals(c_literals.string_macro("TEXT", text).encode()) == {"TEXT": text.encode()}


def test_pem_comes_back_from_macros_and_arrays() -> None:
    device = bundle_credentials.with_two_roots()
    source = c_literals.guarded(
        "CREDENTIALS_H",
        [
            c_literals.heading(device, "Something.", private=True),
            c_literals.text_macro("ROOT", device.root_pem),
            c_literals.text_array("LEAF", device.leaf_pem),
            c_literals.byte_array("LEAF_DER", device.leaf_der),
            "static int unrelated = 1;\n#include <stddef.h>\n",
        ],
    )
    assert read_literals(source.encode()) == {
        "ROOT": device.root_pem,
        "LEAF": device.leaf_pem,
        "LEAF_DER": device.leaf_der,
    }
    assert max(len(line) for line in source.splitlines()) <= 80


def test_the_two_headers_keep_what_is_secret_apart() -> None:
    device = bundle_credentials.credentials()
    shown = c_literals.credentials_header(device, c_literals.text_macro("ROOT", device.root_pem))
    secret = c_literals.key_header(device, c_literals.byte_array("KEY", b"key"))
    assert (shown.name, shown.private) == ("mqtt_credentials.h", False)
    assert (secret.name, secret.private) == ("mqtt_private_key.h", True)
    assert b"SECRET" not in shown.content
    assert b"SECRET" in secret.content
    assert read_literals(shown.content) == {"ROOT": device.root_pem}
    assert read_literals(secret.content) == {"KEY": b"key"}


def test_comments_and_strings_are_told_apart() -> None:
    source = b'/* "A" */ static const char A[] = "/* \\" // */" "b\\n"; // static const char B[] = "x";\n'
    assert read_literals(source) == {"A": b'/* " // */b\n'}


@pytest.mark.parametrize(
    "source",
    [
        b'static const char A[] = "a\n";\n',
        b'static const char A[] = "a"',
        b'static const char A[] = "\\x41";\n',
        b"static const unsigned char A[] = { 0x100 };\n",
        b"static const unsigned char A[] = { 0x10 0x11 };\n",
        b"static const unsigned char A[] = { 0x10, B };\n",
        b'#define A "a"\n#define A "a"\n',
    ],
)
def test_what_was_damaged_is_refused(source: bytes) -> None:
    with pytest.raises(BundleError):
        read_literals(source)


def test_what_cannot_stand_in_c_is_refused() -> None:
    for text in ("a\n", "é", "\0"):
        with pytest.raises(BundleError, match="cannot stand in a C string"):
            c_literals.quoted(text)
