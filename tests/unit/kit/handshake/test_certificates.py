"""What a certificate says is read, whatever bytes come, and is safe to print."""

from __future__ import annotations

import hashlib
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates import NOW, Authority
from chains import Made, having, make, with_serial, with_sha1, without
from sealmq.kit.handshake.certificates import (
    LARGEST,
    name_of,
    printable,
    read_authorities,
    read_certificate,
    read_facts,
)

ROOT = Authority("Root CA")
MADE = make("localhost", ROOT, hosts=["localhost", "127.0.0.1", "::1"], serial=0xABCDEF)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_what_it_says_is_read() -> None:
    shown = read_certificate(MADE.der, 3)
    assert shown.readable
    assert (shown.position, shown.size, shown.sha256) == (3, len(MADE.der), hashlib.sha256(MADE.der).hexdigest())
    assert (shown.subject, shown.issuer, shown.serial) == ("CN=localhost", "CN=Root CA", "abcdef")
    assert shown.names == ("DNS:localhost", "IP:127.0.0.1", "IP:::1")
    assert shown.not_before == MADE.certificate.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert shown.not_after == MADE.certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (shown.key, shown.signature) == ("ECDSA P-256", "ECDSA with SHA-256")
    assert (shown.key_usages, shown.extended_key_usages) == (("digitalSignature",), ("serverAuth",))
    assert (shown.is_ca, shown.path_length) == (False, None)
    (above,) = [each.value for each in ROOT.certificate.extensions if isinstance(each.value, x509.SubjectKeyIdentifier)]
    assert (shown.subject_key_id, shown.authority_key_id) == ("", above.digest.hex())


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
        (ed448.Ed448PrivateKey.generate(), "Ed448"),
        (ec.generate_private_key(ec.SECP384R1()), "ECDSA P-384"),
        (ec.generate_private_key(ec.SECP256K1()), "ECDSA secp256k1"),
        (RSA_KEY, "RSA 2048"),
    ],
)
def test_keys_are_named(key: object, words: str) -> None:
    assert read_certificate(make("x", ROOT, key=key).der, 0).key == words


def test_signatures_are_named() -> None:
    root = make("RSA Root", ca=True, key=RSA_KEY)
    assert read_certificate(root.der, 0).signature == "RSA with SHA-256"
    assert read_certificate(with_sha1(root, RSA_KEY).der, 0).signature == "RSA with SHA-1"
    edwards = make("x", ca=True, key=ed25519.Ed25519PrivateKey.generate())
    assert read_certificate(edwards.der, 0).signature == "Ed25519"


def test_a_ca_is_one() -> None:
    shown = read_certificate(make("CA", ca=True, path_length=2).der, 0)
    assert (shown.is_ca, shown.path_length, shown.key_usages) == (True, 2, ("cRLSign", "keyCertSign"))


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x30\x03\x02\x01\x01", MADE.der[:-1], MADE.der + b"\0"])
def test_what_is_none_has_size_and_hash(data: bytes) -> None:
    facts = read_facts(data, 1)
    assert facts.trouble
    assert not facts.shown.readable
    assert (facts.shown.size, facts.shown.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_what_is_too_large_is_not_read() -> None:
    assert "more than" in read_facts(bytes(LARGEST + 1), 0).trouble


def broken(made: Made, oid: str, value: bytes, instead: bytes) -> bytes:
    """The bytes of a certificate in which an extension's value is another one of the same length."""
    found = made.der.find(bytes.fromhex(oid))
    assert found > 0
    at = made.der.find(value, found)
    assert len(value) == len(instead)
    return made.der[:at] + instead + made.der[at + len(value) :]


def test_one_extension_that_cannot_be_read_hides_no_other() -> None:
    der = broken(MADE, "551d25", bytes.fromhex("300a0608"), bytes.fromhex("300a0708"))
    facts = read_facts(der, 0)
    assert facts.broken == ("extKeyUsage",)
    assert facts.purposes is None
    assert facts.shown.names == ("DNS:localhost", "IP:127.0.0.1", "IP:::1")
    assert facts.shown.key_usages == ("digitalSignature",)
    assert {"2.5.29.19", "2.5.29.15"} == facts.marked


def test_an_extension_that_comes_twice_is_named() -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.14"), b"\x04\x02ab")
    more = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.99"), b"\x04\x02cd")
    made = make("x", ROOT, change=having(first=(odd, False), second=(more, False)))
    der = made.der.replace(bytes.fromhex("551d63"), bytes.fromhex("551d0e"))
    assert read_facts(der, 0).broken == ("subjectKeyIdentifier",)


def test_serial_numbers_that_are_not_positive_are_read() -> None:
    der = MADE.der.replace(b"\x02\x04\x00\xab\xcd\xef", b"\x02\x04\xff\xab\xcd\xef", 1)
    facts = read_facts(der, 0)
    assert "serial" in facts.trouble or facts.serial < 0  # some versions of the library refuse them


def test_what_a_stranger_wrote_is_printable_and_bounded() -> None:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a\x1b[31m\n\u202eb")])
    many = [f"host-{number}" for number in range(80)]
    facts = read_facts(make(subject, ROOT, hosts=many).der, 0)
    assert facts.shown.subject.isprintable()
    assert "\\x1b" in facts.shown.subject
    assert facts.title.isprintable()
    assert (len(facts.shown.names), facts.shown.names[-1]) == (51, "and 30 more")
    assert len(facts.dns) == 80


@given(st.text(), st.integers(1, 50))
def test_printable_is(text: str, most: int) -> None:
    shown = printable(text, most)
    assert shown.isprintable()
    assert len(shown) <= most + 3
    assert shown == text or not text.isprintable() or len(text) > most


def test_names_of_authorities_are_text() -> None:
    name = x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A, B & C"), x509.NameAttribute(NameOID.COMMON_NAME, "CA\n1"),
    ])  # fmt: skip
    assert name_of(name.public_bytes()) == "CN=CA\\n1,O=A\\, B & C"
    assert name_of(b"nonsense") == "not a name: " + b"nonsense".hex()
    assert name_of(b"") == "not a name: "
    assert name_of(name.public_bytes() * 2).startswith("not a name: ")


@given(st.binary(max_size=100))
def test_names_are_read_whatever_comes(data: bytes) -> None:
    assert name_of(data).isprintable()


def test_a_file_of_authorities_is_read_past_what_is_none() -> None:
    other = make("Other", ca=True, change=without("above"))
    wrong = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"
    found = read_authorities(b"words\n" + ROOT.pem + wrong + other.pem.replace(b"\n", b"\r\n"))
    assert [(one.title, one.shown.position) for one in found] == [("'Root CA'", -1), ("'Other'", -1)]
    assert read_authorities(b"") == ()


def test_names_are_compared_as_rfc_5280_section_7_1_says() -> None:
    def subject(text: str) -> str:
        return read_facts(make(text, ROOT).der, 0).subject

    assert subject("A  Name") == subject("a name")
    assert subject("A Name") != subject("AName")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_changed_bytes_are_answered(data: st.DataObject) -> None:
    changed = bytearray(MADE.der)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    facts = read_facts(bytes(changed), 0)
    assert facts.shown.readable is not bool(facts.trouble)
    assert all(text.isprintable() for text in (facts.shown.subject, facts.title, facts.trouble, *facts.shown.names))


def test_times_are_unix_seconds() -> None:
    made = make("x", ROOT, begins=NOW, ends=NOW)
    assert read_facts(made.der, 0).not_after == NOW.timestamp()


def test_a_serial_number_of_any_length_is_cut_off() -> None:
    shown = read_certificate(with_serial(MADE.der, b"\x01" * 30_000), 0)
    assert shown.size > 30_000
    assert len(shown.serial) <= 203


def test_a_file_of_beginnings_without_an_end_takes_no_long_time() -> None:
    began = time.process_time()
    assert read_authorities(b"-----BEGIN CERTIFICATE-----" * 100_000 + MADE.pem)[0].der == MADE.der
    assert time.process_time() - began < 2.0
