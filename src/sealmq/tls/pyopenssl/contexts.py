"""The one place that builds contexts of pyOpenSSL, under the rules of tls/context.py: trust that never changes, a new
context that resumes nobody of an old one, the Device CA as an anchor in the middle of the chain.

What a session is resumed with is carried by the ticket here (tls/resumption.py says what that means): pyOpenSSL can
neither bound OpenSSL's cache of sessions nor have a ticket be a key to one. So no session takes memory, and the key of
the tickets is as old as the context.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from OpenSSL import SSL, crypto
from OpenSSL._util import ffi, lib

from sealmq.errors import TrustError
from sealmq.pem import blocks
from sealmq.tls.middleware import ClientMaterial, ServerMaterial
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.pyopenssl.hearing import judge_by_openssl
from sealmq.tls.pyopenssl.words import in_words
from sealmq.tls.resumption import LIFETIME
from sealmq.tls.unusable import no_anchor, unusable_anchors, unusable_crl, unusable_pair, unusable_root

SUITES_OF_TLS13: Final = b"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
"""OpenSSL's own three; named, so that no configuration file of the machine's adds to them."""

_NUMBERS: Final = {"TLSv1.2": SSL.TLS1_2_VERSION, "TLSv1.3": SSL.TLS1_3_VERSION}
_PRIORITIZE_CHACHA: Final = 0x200000  # SSL_OP_PRIORITIZE_CHACHA, which pyOpenSSL does not name
_OPTIONS: Final = SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | _PRIORITIZE_CHACHA
_BASIC_CONSTRAINTS: Final = "2.5.29.19"
_no_passphrase = ffi.callback("int (*)(char *, int, int, void *)", lambda *_: 0)
"""An empty one, or OpenSSL would ask at the terminal and a broker would wait there for ever."""


def listener_context(policy: TLSPolicy, material: ServerMaterial, groups: str) -> SSL.Context:
    """A listener's. groups: as `library.group_list` makes it. Raises TrustError when a file cannot be used."""
    assert material.chain is not None
    assert material.key is not None
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    _apply(policy, context, groups)
    _load_credentials(context, material.chain, material.key)
    # What was proved to another listener of this process counts at none: each context has ticket keys of its own. The
    # name is only what OpenSSL demands before it resumes anybody who showed a certificate.
    context.set_session_id(b"sealmq")
    context.set_timeout(int(LIFETIME))
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if not policy.tickets:
        context.set_options(SSL.OP_NO_TICKET)  # then a ticket would be a key to what is kept, and nothing is
    if material.client_certificates:
        judge_by_openssl(context._context, SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        _trust_devices(context, material.client_anchors)
        if material.crl is not None:
            _load_crl(context, material.crl)
    return context


def device_context(policy: TLSPolicy, material: ClientMaterial, groups: str) -> SSL.Context:
    """A device's. The arguments as for `listener_context`."""
    assert material.root is not None
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    _apply(policy, context, groups)
    judge_by_openssl(context._context, SSL.VERIFY_PEER)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)  # whoever wants to resume keeps the session
    try:
        context.load_verify_locations(str(material.root))
    except SSL.Error as error:
        raise unusable_root(material.root, in_words(error)) from error
    if material.chain is not None:
        _load_credentials(context, material.chain, material.key or material.chain)
    return context


def _apply(policy: TLSPolicy, context: SSL.Context, groups: str) -> None:
    """What both roles share. Purpose (clientAuth, serverAuth) is checked by OpenSSL according to the role."""
    context.set_min_proto_version(_NUMBERS[policy.lowest])
    context.set_max_proto_version(_NUMBERS[policy.highest])
    try:
        context.set_cipher_list(policy.cipher_string.encode("ascii", "replace"))
    except SSL.Error as error:
        raise TrustError(
            f"OpenSSL knows none of the cipher suites {', '.join(policy.suites)}", why=in_words(error)
        ) from error
    context.set_tls13_ciphersuites(SUITES_OF_TLS13)
    lib.ERR_clear_error()
    if lib.SSL_CTX_set1_curves_list(context._context, groups.encode("ascii")) != 1:
        lib.ERR_clear_error()
        raise TrustError(f"OpenSSL does not take the key exchange groups {groups}")
    context.set_options(_OPTIONS)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # an idle connection holds no record buffers
    _store(context).set_flags(crypto.X509StoreFlags.X509_STRICT)


def _store(context: SSL.Context) -> crypto.X509Store:
    store = context.get_cert_store()
    assert store is not None  # SSL_CTX_new makes one
    return store


def _load_credentials(context: SSL.Context, chain: Path, key: Path) -> None:
    lib.SSL_CTX_set_default_passwd_cb(context._context, _no_passphrase)
    try:
        context.use_certificate_chain_file(str(chain))
        context.use_privatekey_file(str(key))
        context.check_privatekey()
    except (SSL.Error, ValueError) as error:
        raise unusable_pair(chain, key, in_words(error)) from error


def _trust_devices(context: SSL.Context, anchors: bytes) -> None:
    """Make `anchors`, and nothing above them, the authorities for client certificates."""
    store = _store(context)
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    found = 0
    try:
        for label, text in blocks(anchors):
            if label == "CERTIFICATE":
                pem = b"-----BEGIN CERTIFICATE-----" + text + b"-----END CERTIFICATE-----\n"
                certificate = crypto.load_certificate(crypto.FILETYPE_PEM, pem)
                if not _is_authority(certificate):
                    raise no_anchor()
                store.add_cert(certificate)
                found += 1
    except (crypto.Error, ValueError) as error:
        raise unusable_anchors(in_words(error)) from error
    if not found:
        raise unusable_anchors("there is no certificate in it")


def _is_authority(certificate: crypto.X509) -> bool:
    extensions = certificate.to_cryptography().extensions
    return any(one.oid.dotted_string == _BASIC_CONSTRAINTS and getattr(one.value, "ca", False) for one in extensions)


def _load_crl(context: SSL.Context, crl: bytes) -> None:
    """Have OpenSSL look up each device's own certificate in the lists, which stand one behind the other."""
    store = _store(context)
    bio = lib.BIO_new(lib.BIO_s_mem())
    issuers = set()
    try:
        lib.BIO_write(bio, crl, len(crl))
        start = ffi.new("char **")
        while lib.BIO_get_mem_data(bio, start):
            one = lib.d2i_X509_CRL_bio(bio, ffi.NULL)
            if one == ffi.NULL:
                raise unusable_crl("it is not DER, or is cut off")
            try:
                lib.X509_STORE_add_crl(store._store, one)
            finally:
                lib.X509_CRL_free(one)
            issuers.add(one)
    finally:
        lib.BIO_free(bio)
        lib.ERR_clear_error()
    if not issuers:
        raise unusable_crl("a list is missing or given twice")
    store.set_flags(crypto.X509StoreFlags.CRL_CHECK)
