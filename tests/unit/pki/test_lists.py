"""Lists as others take them; `openssl crl` reads what we write."""

from __future__ import annotations

import subprocess

import pytest

from sealmq.errors import TrustError
from sealmq.pki.authority import HOLD, Revocation, new_serial, sign_crl
from sealmq.pki.lists import list_pem, lists_of, read_list


def made(ca, number=7, count=3, **more):
    revocations = [Revocation(new_serial(), ca.now - n, HOLD if n else "keyCompromise") for n in range(count)]
    return sign_crl(ca.device_ca, revocations, number=number, now=ca.now, next_update=ca.now + 86_400, **more)


def test_what_a_list_says(ca):
    facts = read_list(made(ca))
    assert (facts.authority, facts.number, facts.revoked) == (ca.device_ca.key_id, 7, 3)
    assert (facts.this_update, facts.next_update) == (ca.device_ca.certificate.validity.not_before, ca.now + 86_400)
    assert read_list(made(ca, begins=ca.now + 600)).this_update == ca.now + 600


def test_pem_and_back_and_openssl_reads_it(ca):
    lists = [made(ca, number) for number in (1, 2)]
    pem = b"".join(map(list_pem, lists))
    assert lists_of(pem) == lists
    assert max(map(len, pem.splitlines())) == 64
    shown = subprocess.run(["openssl", "crl", "-noout", "-text"], input=pem, capture_output=True, check=True).stdout
    assert shown.count(b"Serial Number") == 3
    assert b"Certificate Hold" in shown


@pytest.mark.parametrize("damage", [lambda der: der[:-20], lambda der: b"", lambda der: b"nonsense"])
def test_what_is_no_list_is_refused(ca, damage):
    with pytest.raises(TrustError):
        read_list(damage(made(ca)))
    with pytest.raises(TrustError):
        lists_of(list_pem(damage(made(ca))))


def test_a_file_without_a_list_has_none(ca):
    assert lists_of(ca.root.certificate.pem) == []
