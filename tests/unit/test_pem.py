from __future__ import annotations

import ssl
from binascii import a2b_base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.pem import blocks, to_pem


@given(st.binary(min_size=1, max_size=400))
def test_it_is_what_the_standard_library_writes_and_reads(der):
    text = to_pem("CERTIFICATE", der)
    assert text.decode() == ssl.DER_cert_to_PEM_cert(der)
    assert ssl.PEM_cert_to_DER_cert(text.decode()) == der


@pytest.mark.parametrize("size", [1, 47, 48, 49, 96])
def test_lines_have_64_characters_and_the_last_one_the_rest(size):
    begin, *lines, end = to_pem("X509 CRL", bytes(size)).splitlines()
    assert (begin, end) == (b"-----BEGIN X509 CRL-----", b"-----END X509 CRL-----")
    assert {len(line) for line in lines[:-1]} <= {64}
    assert 0 < len(lines[-1]) <= 64


def test_blocks_are_found_between_other_text_and_a_cut_off_one_is_left_out():
    data = b"text" + to_pem("CERTIFICATE", b"one") + b"\nmore" + to_pem("X509 CRL", b"two") + b"-----BEGIN X-----\nAAAA"
    assert [(label, a2b_base64(text)) for label, text in blocks(data)] == [
        ("CERTIFICATE", b"one"),
        ("X509 CRL", b"two"),
    ]


@given(st.binary(max_size=300))
def test_any_bytes_have_blocks_or_none(data):
    assert len(list(blocks(data))) <= data.count(b"-----BEGIN ")
