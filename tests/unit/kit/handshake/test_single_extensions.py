from __future__ import annotations

import contextlib

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from chains import UNKNOWN, having, make
from sealmq.kit.handshake.single_extensions import single_extensions

MADE = make("localhost", change=having(odd=(UNKNOWN, True)))


def test_each_extension_stands_alone() -> None:
    found = list(single_extensions(MADE.der, 64))
    whole = list(MADE.certificate.extensions)
    assert [extension for _, _, extension in found] == whole
    assert [critical for _, critical, _ in found] == [each.critical for each in whole]
    assert [oid for oid, _, _ in found] == [each.oid for each in whole]
    assert len(list(single_extensions(MADE.der, 2))) == 2


def test_a_broken_one_does_not_hide_the_others() -> None:
    usage = MADE.certificate.extensions.get_extension_for_class(x509.KeyUsage).value.public_bytes()
    broken = MADE.der.replace(usage, bytes([0x30]) + usage[1:])
    with pytest.raises(ValueError):
        list(x509.load_der_x509_certificate(broken).extensions)
    found = {oid.dotted_string: extension for oid, _, extension in single_extensions(broken, 64)}
    assert found["2.5.29.15"] is None
    assert all(extension is not None for oid, extension in found.items() if oid != "2.5.29.15")


@given(st.data())
def test_other_bytes_are_refused_or_answered(data: st.DataObject) -> None:
    der = bytearray(MADE.der)
    for _ in range(data.draw(st.integers(0, 3))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        assert len(list(single_extensions(bytes(der), 4))) <= 4
    with contextlib.suppress(ValueError):
        list(single_extensions(data.draw(st.binary(max_size=200)), 4))
