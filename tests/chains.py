"""Chains of certificates with every mistake that a client looks for; each with what OpenSSL should make of it.

`Authority` of certificates.py makes what is right; `make` here makes what is not. The cases are judged twice: by rule
in tests/unit/kit/handshake/test_chain.py, and by `openssl verify` in tests/interop/test_chain_and_openssl.py.
"""

from __future__ import annotations

import datetime
import functools
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certificates import DAY, HOUR, NOW, Authority, Credentials
from sealmq.pem import to_pem

UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def usage(*names: str) -> x509.KeyUsage:
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{name: name in names for name in every})


def make(
    name: str | x509.Name,
    issuer: Made | Authority | None = None,
    *,
    ca: bool = False,
    hosts: Iterable[str] = ("localhost",),
    change: Callable[[dict[str, tuple[x509.ExtensionType, bool] | None]], None] | None = None,
    key: Any = None,
    hash_: Any = None,
    begins: datetime.datetime = NOW - HOUR,
    ends: datetime.datetime = NOW + 300 * DAY,
    path_length: int | None = None,
    serial: int | None = None,
) -> Made:
    """A certificate as it should be, but for what `change` does to its extensions, by name: (value, critical)."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) if isinstance(name, str) else name
    above = issuer.certificate.subject if issuer is not None else subject
    signer = issuer.key if issuer is not None else key
    extensions: dict[str, tuple[x509.ExtensionType, bool] | None] = {
        "basic": (x509.BasicConstraints(ca, path_length), True),
        "usage": (usage("key_cert_sign", "crl_sign") if ca else usage("digital_signature"), True),
        "above": (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False),
    }
    if ca:
        extensions["own"] = (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    else:
        extensions["purpose"] = (x509.ExtendedKeyUsage([SERVER]), False)
        extensions["names"] = (x509.SubjectAlternativeName([_general(host) for host in hosts]), False)
    if change is not None:
        change(extensions)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(above).public_key(key.public_key())
    builder = builder.serial_number(serial or x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(ends)
    for each in extensions.values():
        if each is not None:
            builder = builder.add_extension(each[0], critical=each[1])
    plain = isinstance(signer, ed25519.Ed25519PrivateKey)
    return Made(builder.sign(signer, None if plain else hash_ or hashes.SHA256()), key)


def with_sha1(made: Made, signer: rsa.RSAPrivateKey) -> Made:
    """The same certificate signed with SHA-1, which the library does no more: sha1WithRSAEncryption (RFC 8017)."""
    with_sha256, sha1 = bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105")
    inside = made.certificate.tbs_certificate_bytes.replace(with_sha256, sha1)
    signature = signer.sign(inside, padding.PKCS1v15(), hashes.SHA1())
    algorithm = der_value(0x30, sha1 + bytes.fromhex("0500"))
    whole = der_value(0x30, inside + algorithm + der_value(0x03, b"\0" + signature))
    return Made(x509.load_der_x509_certificate(whole), made.key)


def without(*names: str) -> Callable[[dict[str, Any]], None]:
    return lambda extensions: extensions.update(dict.fromkeys(names))


def having(**given: tuple[x509.ExtensionType, bool]) -> Callable[[dict[str, Any]], None]:
    return lambda extensions: extensions.update(given)


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@dataclass(frozen=True)
class Case:
    """chain: DER, as it is sent. bad: ids of the rules that are bad. warned: ids that must be warnings.

    otherwise: why OpenSSL's judgement is another one, "" where it is the same.
    key:       of the first; None where it is lost.
    """

    title: str
    chain: tuple[bytes, ...]
    authorities: bytes
    name: str = "localhost"
    bad: frozenset[str] = frozenset()
    warned: frozenset[str] = frozenset()
    crl: bytes | None = None
    purpose: str = "server"
    otherwise: str = ""
    key: Any = None

    @property
    def trusted(self) -> bool:
        return not self.bad


@functools.cache
def cases() -> tuple[Case, ...]:
    """All of them, made once for each process."""
    root = Authority("Root CA")
    server_ca = Authority("Server CA", root)
    good = server_ca.issue("localhost", purpose="server", hosts=["localhost", "127.0.0.1"])
    return (
        *_ends(root, server_ca, good),
        *_orders(root, server_ca, good),
        *_names(root),
        *_extensions(root),
        *_authorities_that_may_not(root),
        *_weak(root),
        *_revoked(server_ca, root, good),
    )


def _chain(*members: Any) -> tuple[bytes, ...]:
    return tuple(one.der if not isinstance(one, Authority) else one.certificate.public_bytes(Encoding.DER)
                 for one in members)  # fmt: skip


def _case(title: str, chain: tuple[Any, ...], authorities: bytes, *bad: str, **more: Any) -> Case:
    warned = frozenset(more.pop("warned", ()))
    return Case(title, _chain(*chain), authorities, bad=frozenset(bad), warned=warned, key=chain[0].key, **more)


def _ends(root: Authority, server_ca: Authority, good: Credentials) -> Iterable[Case]:
    other = Authority("Another CA")
    twin = Authority("Root CA")
    yield _case("good", (good, server_ca), root.pem)
    yield _case("good, one level", (make("localhost", root),), root.pem)
    yield _case("another CA", (good, server_ca), other.pem, "anchor")
    yield _case("a CA of the same name", (good, server_ca), twin.pem, "anchor", "signature", "key identifiers")
    no_ids = make("Old Root", ca=True, change=without("above"))
    twin_no_ids = make("Old Root", ca=True, change=without("above"))
    yield _case(
        "a CA of the same name, no key identifiers",
        (make("localhost", no_ids, change=without("above")),),
        twin_no_ids.pem,
        "anchor",
        "signature",
        warned=("profile",),
    )
    alone = make("localhost", change=without("above"))
    yield _case("self-signed, unknown", (alone,), root.pem, "anchor")
    yield _case("self-signed, trusted", (alone,), alone.pem)
    partial = "taken with X509_V_FLAG_PARTIAL_CHAIN, as Python from 3.13 on sets it, and by Mbed TLS"
    yield _case("only a CA in the middle is trusted", (good, server_ca), server_ca.pem, warned=("anchor",),
                otherwise=partial)  # fmt: skip
    changed = bytearray(good.der)
    changed[-5] ^= 1
    yield Case("a changed signature", (bytes(changed), *_chain(server_ca)), root.pem,
               bad=frozenset({"signature", "anchor"}))  # fmt: skip
    yield _case("expired", (make("localhost", root, ends=NOW - HOUR, begins=NOW - 90 * DAY),), root.pem, "dates")
    yield _case("not yet valid", (make("localhost", root, begins=NOW + DAY),), root.pem, "dates")
    yield _case(
        "ends soon", (make("localhost", root, begins=NOW - 90 * DAY, ends=NOW + 3 * DAY),), root.pem, warned=("dates",)
    )
    ended = make("Ended Root", ca=True, begins=NOW - 90 * DAY, ends=NOW - DAY, change=without("above"))
    yield _case("an expired root", (make("localhost", ended),), ended.pem, "dates")


def _orders(root: Authority, server_ca: Authority, good: Credentials) -> Iterable[Case]:
    stranger = Authority("Stranger CA", root)
    deep = make("Deep CA", make("Middle CA", root, ca=True), ca=True)
    yield _case("missing intermediate", (good,), root.pem, "anchor")
    yield _case("root included", (good, server_ca, root), root.pem, warned=("order",))
    yield _case("superfluous", (good, server_ca, stranger), root.pem, warned=("order",))
    yield _case("twice", (good, server_ca, server_ca), root.pem, warned=("order",))
    partial = "taken with X509_V_FLAG_PARTIAL_CHAIN"
    yield _case("only a CA in the middle is trusted, the root was sent", (good, server_ca, root), server_ca.pem,
                warned=("anchor", "order"), otherwise=partial)  # fmt: skip
    yield _case("two intermediates missing", (make("localhost", deep), deep), root.pem, "anchor")
    middle = make("Middle CA", root, ca=True)
    lower = make("Lower CA", middle, ca=True)
    yield _case("wrong order", (make("localhost", lower), middle, lower), root.pem, warned=("order",))
    yield _case("three levels", (make("localhost", lower), lower, middle), root.pem)


def _names(root: Authority) -> Iterable[Case]:
    def leaf(*hosts: str, **more: Any) -> tuple[Made, ...]:
        return (make(more.pop("cn", "x"), root, hosts=hosts, **more),)

    yield _case("wrong host", leaf("broker.example"), root.pem, "name")
    yield _case("CN only", leaf(cn="localhost", change=without("names")), root.pem, warned=("name",))
    yield _case("another CN only", leaf(cn="broker", change=without("names")), root.pem, "name")
    yield _case("the CN fits, the names do not", leaf("broker.example", cn="localhost"), root.pem, "name")
    yield _case("only an address, and a CN", leaf("127.0.0.1", cn="localhost"), root.pem, warned=("name",))
    yield _case("wildcard", leaf("*.example.org"), root.pem, name="mqtt.example.org")
    yield _case("capital letters", leaf("MQTT.Example.org"), root.pem, name="mqtt.example.ORG")
    yield _case("wildcard, two labels", leaf("*.example.org"), root.pem, "name", name="a.b.example.org")
    yield _case("wildcard, no label", leaf("*.example.org"), root.pem, "name", name="example.org")
    yield _case("wildcard in the middle", leaf("a.*.example.org"), root.pem, "name", name="a.b.example.org")
    yield _case("wildcard over all", leaf("*"), root.pem, "name")
    yield _case("wildcard over a top level", leaf("*.org"), root.pem, "name", name="example.org")
    part = "RFC 9525 section 6.3 forbids it, and Python's ssl sets X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS"
    yield _case("part of a label", leaf("mq*.example.org"), root.pem, "name", name="mqtt.example.org", otherwise=part)
    yield _case("an address", leaf("127.0.0.1"), root.pem, name="127.0.0.1")
    yield _case("an address of IPv6", leaf("::1"), root.pem, name="0:0:0:0:0:0:0:1")
    yield _case("another address", leaf("127.0.0.2"), root.pem, "name", name="127.0.0.1")
    as_name = having(names=(x509.SubjectAlternativeName([x509.DNSName("127.0.0.1")]), False))
    yield _case("an address as a name", leaf(change=as_name), root.pem, "name", name="127.0.0.1")
    yield _case("an address as CN", leaf("localhost", cn="127.0.0.1"), root.pem, "name", name="127.0.0.1")


def _extensions(root: Authority) -> Iterable[Case]:
    def leaf(**given: tuple[x509.ExtensionType, bool]) -> tuple[Made, ...]:
        return (make("localhost", root, change=having(**given)),)

    any_usage = x509.ObjectIdentifier("2.5.29.37.0")
    yield _case("clientAuth only", leaf(purpose=(x509.ExtendedKeyUsage([CLIENT]), False)), root.pem, "purpose")
    yield _case("both purposes", leaf(purpose=(x509.ExtendedKeyUsage([SERVER, CLIENT]), False)), root.pem,
                warned=("purpose",))  # fmt: skip
    yield _case("any purpose", leaf(purpose=(x509.ExtendedKeyUsage([any_usage]), False)), root.pem, "purpose")
    yield _case("no purpose", (make("localhost", root, change=without("purpose")),), root.pem, warned=("purpose",))
    yield _case("no key usage", (make("localhost", root, change=without("usage")),), root.pem, warned=("usage",))
    yield _case("key usage for encryption", leaf(usage=(usage("key_encipherment"), True)), root.pem, warned=("usage",))
    yield _case("key usage for nothing of TLS", leaf(usage=(usage("crl_sign"), True)), root.pem, "usage")
    yield _case("critical and unknown", leaf(odd=(UNKNOWN, True)), root.pem, "critical")
    yield _case("unknown, not critical", leaf(odd=(UNKNOWN, False)), root.pem)
    yield _case("a leaf that is a CA", (make("localhost", root, ca=True, change=having(
        names=(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False),
        usage=(usage("key_cert_sign", "digital_signature"), True),
    )),), root.pem, warned=("leaf",))  # fmt: skip
    yield _case("no authority key identifier", (make("localhost", root, change=without("above")),), root.pem,
                warned=("profile",))  # fmt: skip
    yield _case("keyCertSign and no CA", leaf(usage=(usage("digital_signature", "key_cert_sign"), True)), root.pem,
                warned=("profile",))  # fmt: skip
    wrong = x509.AuthorityKeyIdentifier(b"another key's name..", None, None)
    yield _case("another key identifier", leaf(above=(wrong, False)), root.pem, "key identifiers")
    client = make("sensor-1", root, change=having(purpose=(x509.ExtendedKeyUsage([CLIENT]), False)))
    yield _case("a client", (client,), root.pem, purpose="client")
    yield _case("a server as client", (make("localhost", root),), root.pem, "purpose", purpose="client")


def _authorities_that_may_not(root: Authority) -> Iterable[Case]:
    def under(title: str, *bad: str, warned: tuple[str, ...] = (), **more: Any) -> Case:
        middle = make("Middle CA", root, ca=True, **more)
        return _case(title, (make("localhost", middle), middle), root.pem, *bad, warned=warned)

    not_a_ca = make("sensor-1", root, change=having(own=(x509.SubjectKeyIdentifier(b"12345678"), False)))
    issued = make(
        "localhost", not_a_ca, change=having(above=(x509.AuthorityKeyIdentifier(b"12345678", None, None), False))
    )
    yield _case("a leaf as CA", (issued, not_a_ca), root.pem, "issuers")
    yield under("a CA without keyCertSign", "issuers", change=having(usage=(usage("crl_sign"), True)))
    yield under("a CA without basicConstraints", "issuers", warned=("profile",), change=without("basic"))
    yield under("a CA without key usage", warned=("profile",), change=without("usage"))
    yield under("a CA without key identifier", warned=("profile",), change=without("own"))
    yield under("a CA that is not critical", warned=("profile",),
                change=having(basic=(x509.BasicConstraints(True, None), False)))  # fmt: skip
    yield under("a CA for clients", "purpose", change=having(purpose=(x509.ExtendedKeyUsage([CLIENT]), False)))
    yield under("a CA that demands the unknown", "critical", change=having(odd=(UNKNOWN, True)))
    yield under("an expired CA", "dates", begins=NOW - 90 * DAY, ends=NOW - DAY)

    def limits(*permitted: x509.GeneralName, excluded: tuple[x509.GeneralName, ...] = ()) -> Any:
        return having(limits=(x509.NameConstraints(permitted or None, excluded or None), True))

    yield under("permitted names", warned=("name constraints",), change=limits(x509.DNSName("localhost")))
    yield under("names that are not permitted", "name constraints", change=limits(x509.DNSName("example.org")))
    yield under("excluded names", "name constraints", change=limits(excluded=(x509.DNSName("localhost"),)))
    network = x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))
    yield under("permitted addresses, and none in it", warned=("name constraints",), change=limits(network))
    upper = make("Upper CA", root, ca=True, path_length=0)
    lower = make("Lower CA", upper, ca=True)
    yield _case("path length exceeded", (make("localhost", lower), lower, upper), root.pem, "path length")
    enough = make("Upper CA", root, ca=True, path_length=1)
    below = make("Lower CA", enough, ca=True, path_length=0)
    yield _case("path length kept", (make("localhost", below), below, enough), root.pem)


def _weak(root: Authority) -> Iterable[Case]:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    enough = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    rsa_root = make("RSA Root", ca=True, key=enough, change=without("above"))
    edwards = ed25519.Ed25519PrivateKey.generate()
    yield _case("RSA 1024", (make("localhost", root, key=small),), root.pem, "key")
    yield _case("RSA 2048", (make("localhost", rsa_root, key=enough),), rsa_root.pem)
    yield _case("Ed25519", (make("localhost", root, key=edwards),), root.pem)
    yield _case("SHA-1", (with_sha1(make("localhost", rsa_root), enough),), rsa_root.pem, "hash")
    yield _case("SHA-384", (make("localhost", root, hash_=hashes.SHA384()),), root.pem)
    old_root = with_sha1(make("Old Root", ca=True, key=enough, change=without("above")), enough)
    yield _case("SHA-1 of a root", (make("localhost", old_root),), old_root.pem)
    yield _case("P-224", (make("localhost", root, key=ec.generate_private_key(ec.SECP224R1())),), root.pem, "key",
                otherwise="112 bits are enough for level 2; TLS 1.3 has no such key")  # fmt: skip
    yield _case("a long serial number", (make("localhost", root, serial=(1 << 159) - 1),), root.pem)
    yield _case("a long life", (make("localhost", root, ends=NOW + 3000 * DAY),), root.pem, warned=("lifetime",))


def _revoked(server_ca: Authority, root: Authority, good: Credentials) -> Iterable[Case]:
    chain = (good, server_ca)
    yield _case("not revoked", chain, root.pem, crl=lists(server_ca.crl()))
    yield _case("revoked", chain, root.pem, "revocation", crl=lists(server_ca.crl([good])))
    yield _case("an old list", chain, root.pem, "revocation", crl=lists(server_ca.crl(next_update=NOW - HOUR)))
    yield _case("the list of another CA", chain, root.pem, "revocation", crl=lists(root.crl()))
    above = Credentials(server_ca.certificate, server_ca.key)
    yield _case("the CA is revoked", chain, root.pem, "revocation", crl=lists(server_ca.crl(), root.crl([above])),
                otherwise="-crl_check looks at the first certificate alone; -crl_check_all sees it")  # fmt: skip
    forged = Authority("Server CA", root)
    yield _case("a forged list", chain, root.pem, "revocation", crl=lists(forged.crl()))


def der_value(tag: int, content: bytes) -> bytes:
    """One DER value; the library signs nothing with SHA-1, so its certificate is put together by hand."""
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8 or 1, "big")
    return bytes([tag]) + (length if len(content) < 0x80 else bytes([0x80 | len(length)]) + length) + content


def lists(*ders: bytes) -> bytes:
    """Lists of revoked certificates, as one PEM file."""
    return b"".join(to_pem("X509 CRL", der) for der in ders)


def with_serial(der: bytes, content: bytes) -> bytes:
    """The certificate with other bytes as its serial number; its signature no longer fits."""
    certificate = x509.load_der_x509_certificate(der)
    signed, number = certificate.tbs_certificate_bytes, certificate.serial_number
    inside = signed[2 + (signed[1] & 0x7F) if signed[1] & 0x80 else 2 :]
    old = der_value(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))
    assert old in inside
    behind = der[der.index(signed) + len(signed) :]
    return der_value(0x30, der_value(0x30, inside.replace(old, der_value(0x02, content), 1)) + behind)
