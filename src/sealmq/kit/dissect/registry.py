"""Numbers of TLS and their names, as IANA has them ("Transport Layer Security (TLS) Parameters" and "... Extensions").

A `tell_...` gives the registered name, "GREASE (0x0a0a)" for a number that stands for nothing (RFC 8701), or
"unknown (0x1234)". Cipher suites are in suites.py.
"""

from __future__ import annotations

from sealmq.kit.dissect import suites
from sealmq.kit.dissect.suites import FALLBACK_SCSV as FALLBACK_SCSV
from sealmq.kit.dissect.suites import RENEGOTIATION_SCSV as RENEGOTIATION_SCSV
from sealmq.kit.dissect.suites import Suite as Suite
from sealmq.kit.dissect.suites import suite_parts as suite_parts

TLS13 = 0x0304
TLS12 = 0x0303

VERSIONS = {
    0x0002: "SSL 2.0",
    0x0300: "SSL 3.0",
    0x0301: "TLS 1.0",
    0x0302: "TLS 1.1",
    TLS12: "TLS 1.2",
    TLS13: "TLS 1.3",
    0xFEFD: "DTLS 1.2",
    0xFEFF: "DTLS 1.0",
    0xFEFC: "DTLS 1.3",
}

HANDSHAKE_TYPES = {
    0: "HelloRequest",
    1: "ClientHello",
    2: "ServerHello",
    3: "HelloVerifyRequest",
    4: "NewSessionTicket",
    5: "EndOfEarlyData",
    6: "HelloRetryRequest (a draft's)",
    8: "EncryptedExtensions",
    9: "RequestConnectionId",
    10: "NewConnectionId",
    11: "Certificate",
    12: "ServerKeyExchange",
    13: "CertificateRequest",
    14: "ServerHelloDone",
    15: "CertificateVerify",
    16: "ClientKeyExchange",
    17: "ClientCertificateRequest",
    20: "Finished",
    21: "CertificateURL",
    22: "CertificateStatus",
    23: "SupplementalData",
    24: "KeyUpdate",
    25: "CompressedCertificate",
    26: "EKTKey",
    67: "NextProtocol",
    254: "MessageHash",
}
"""As RFC 8446 and RFC 5246 write the names of the messages themselves."""

_EC = (
    "sect163k1 sect163r1 sect163r2 sect193r1 sect193r2 sect233k1 sect233r1 sect239k1 sect283k1 sect283r1 sect409k1 "
    "sect409r1 sect571k1 sect571r1 secp160k1 secp160r1 secp160r2 secp192k1 secp192r1 secp224k1 secp224r1 secp256k1 "
    "secp256r1 secp384r1 secp521r1 brainpoolP256r1 brainpoolP384r1 brainpoolP512r1 x25519 x448 brainpoolP256r1tls13 "
    "brainpoolP384r1tls13 brainpoolP512r1tls13 GC256A GC256B GC256C GC256D GC512A GC512B GC512C curveSM2"
)
_EC_GROUPS = dict(enumerate(_EC.split(), 1)) | {
    0xFF01: "arbitrary_explicit_prime_curves",
    0xFF02: "arbitrary_explicit_char2_curves",
}
_DH_GROUPS = {0x0100: "ffdhe2048", 0x0101: "ffdhe3072", 0x0102: "ffdhe4096", 0x0103: "ffdhe6144", 0x0104: "ffdhe8192"}
_PQ_GROUPS = {0x0200: "MLKEM512", 0x0201: "MLKEM768", 0x0202: "MLKEM1024"}
_HYBRID_GROUPS = {
    0x11EB: "SecP256r1MLKEM768",
    0x11EC: "X25519MLKEM768",
    0x11ED: "SecP384r1MLKEM1024",
    0x11EE: "curveSM2MLKEM768",
    0x6399: "X25519Kyber768Draft00",
    0x639A: "SecP256r1Kyber768Draft00",
}
GROUPS = _EC_GROUPS | _DH_GROUPS | _PQ_GROUPS | _HYBRID_GROUPS
GROUP_KINDS = {
    code: kind
    for kind, groups in (
        ("EC", _EC_GROUPS),
        ("DH", _DH_GROUPS),
        ("post-quantum", _PQ_GROUPS),
        ("hybrid post-quantum", _HYBRID_GROUPS),
    )
    for code in groups
}
"""Number of a group -> "EC", "DH", "post-quantum" (ML-KEM alone) or "hybrid post-quantum" (ML-KEM beside a curve)."""

SCHEMES = {
    0x0401: "rsa_pkcs1_sha256",
    0x0501: "rsa_pkcs1_sha384",
    0x0601: "rsa_pkcs1_sha512",
    0x0403: "ecdsa_secp256r1_sha256",
    0x0503: "ecdsa_secp384r1_sha384",
    0x0603: "ecdsa_secp521r1_sha512",
    0x0804: "rsa_pss_rsae_sha256",
    0x0805: "rsa_pss_rsae_sha384",
    0x0806: "rsa_pss_rsae_sha512",
    0x0807: "ed25519",
    0x0808: "ed448",
    0x0809: "rsa_pss_pss_sha256",
    0x080A: "rsa_pss_pss_sha384",
    0x080B: "rsa_pss_pss_sha512",
    0x0201: "rsa_pkcs1_sha1",
    0x0203: "ecdsa_sha1",
    0x0420: "rsa_pkcs1_sha256_legacy",
    0x0520: "rsa_pkcs1_sha384_legacy",
    0x0620: "rsa_pkcs1_sha512_legacy",
    0x0704: "eccsi_sha256",
    0x0705: "iso_ibs1",
    0x0706: "iso_ibs2",
    0x0707: "iso_chinese_ibs",
    0x0708: "sm2sig_sm3",
    0x0709: "gostr34102012_256a",
    0x070A: "gostr34102012_256b",
    0x070B: "gostr34102012_256c",
    0x070C: "gostr34102012_256d",
    0x070D: "gostr34102012_512a",
    0x070E: "gostr34102012_512b",
    0x070F: "gostr34102012_512c",
    0x081A: "ecdsa_brainpoolP256r1tls13_sha256",
    0x081B: "ecdsa_brainpoolP384r1tls13_sha384",
    0x081C: "ecdsa_brainpoolP512r1tls13_sha512",
    0x0904: "mldsa44",
    0x0905: "mldsa65",
    0x0906: "mldsa87",
}
_OLD_HASHES = {1: "md5", 2: "sha1", 3: "sha224", 4: "sha256", 5: "sha384", 6: "sha512"}
_OLD_SIGNATURES = {1: "rsa", 2: "dsa", 3: "ecdsa"}
for _hash, _hash_name in _OLD_HASHES.items():  # pairs of TLS 1.2 (RFC 5246 section 7.4.1.4.1) that TLS 1.3 dropped
    for _signature, _signature_name in _OLD_SIGNATURES.items():
        SCHEMES.setdefault(_hash << 8 | _signature, f"{_signature_name}_{_hash_name}")

EXTENSIONS = {
    0: "server_name",
    1: "max_fragment_length",
    2: "client_certificate_url",
    3: "trusted_ca_keys",
    4: "truncated_hmac",
    5: "status_request",
    6: "user_mapping",
    7: "client_authz",
    8: "server_authz",
    9: "cert_type",
    10: "supported_groups",
    11: "ec_point_formats",
    12: "srp",
    13: "signature_algorithms",
    14: "use_srtp",
    15: "heartbeat",
    16: "application_layer_protocol_negotiation",
    17: "status_request_v2",
    18: "signed_certificate_timestamp",
    19: "client_certificate_type",
    20: "server_certificate_type",
    21: "padding",
    22: "encrypt_then_mac",
    23: "extended_master_secret",
    24: "token_binding",
    25: "cached_info",
    26: "tls_lts",
    27: "compress_certificate",
    28: "record_size_limit",
    29: "pwd_protect",
    30: "pwd_clear",
    31: "password_salt",
    32: "ticket_pinning",
    33: "tls_cert_with_extern_psk",
    34: "delegated_credential",
    35: "session_ticket",
    36: "TLMSP",
    37: "TLMSP_proxying",
    38: "TLMSP_delegate",
    39: "supported_ekt_ciphers",
    41: "pre_shared_key",
    42: "early_data",
    43: "supported_versions",
    44: "cookie",
    45: "psk_key_exchange_modes",
    47: "certificate_authorities",
    48: "oid_filters",
    49: "post_handshake_auth",
    50: "signature_algorithms_cert",
    51: "key_share",
    52: "transparency_info",
    53: "connection_id (deprecated)",
    54: "connection_id",
    55: "external_id_hash",
    56: "external_session_id",
    57: "quic_transport_parameters",
    58: "ticket_request",
    59: "dnssec_chain",
    60: "sequence_number_encryption_algorithms",
    61: "rrc",
    62: "tls_flags",
    13172: "next_protocol_negotiation",
    17513: "application_settings (old)",
    17613: "application_settings",
    0xFD00: "ech_outer_extensions",
    0xFE0D: "encrypted_client_hello",
    0xFF01: "renegotiation_info",
}

POINT_FORMATS = {0: "uncompressed", 1: "ansiX962_compressed_prime", 2: "ansiX962_compressed_char2"}
CERTIFICATE_TYPES = {0: "X.509", 1: "OpenPGP", 2: "raw public key", 3: "1609Dot2"}
CLIENT_CERTIFICATE_TYPES = {
    1: "rsa_sign",
    2: "dss_sign",
    3: "rsa_fixed_dh",
    4: "dss_fixed_dh",
    5: "rsa_ephemeral_dh",
    6: "dss_ephemeral_dh",
    20: "fortezza_dms",
    64: "ecdsa_sign",
    65: "rsa_fixed_ecdh",
    66: "ecdsa_fixed_ecdh",
    67: "gost_sign256",
    68: "gost_sign512",
}
STATUS_TYPES = {1: "ocsp", 2: "ocsp_multi"}
PSK_MODES = {0: "psk_ke", 1: "psk_dhe_ke"}
CERTIFICATE_COMPRESSIONS = {1: "zlib", 2: "brotli", 3: "zstd"}
COMPRESSION_METHODS = {0: "null", 1: "DEFLATE", 64: "LZS"}
FRAGMENT_LENGTHS = {1: 512, 2: 1024, 3: 2048, 4: 4096}
"""Code of max_fragment_length -> bytes (RFC 6066 section 4)."""


def is_grease(code: int) -> bool:
    """A number of two bytes that stands for nothing, sent so that nobody forgets to skip it (RFC 8701)."""
    return code & 0x0F0F == 0x0A0A and code >> 8 == code & 0xFF


def tell(names: dict[int, str], code: int, digits: int = 4) -> str:
    """The name in `names`, else "GREASE (0x...)", else "unknown (0x...)", with so many hex digits."""
    if code in names:
        return names[code]
    kind = "GREASE" if digits == 4 and is_grease(code) else "unknown"
    return f"{kind} (0x{code:0{digits}x})"


def tell_version(code: int) -> str:
    """ "TLS 1.3"; that of a draft by its number."""
    if code >> 8 == 0x7F:
        return f"TLS 1.3 draft {code & 0xFF}"
    return tell(VERSIONS, code)


def tell_suite(code: int) -> str:
    """ "TLS_AES_128_GCM_SHA256"."""
    return tell(suites.NAMES, code)


def tell_group(code: int) -> str:
    """ "x25519"."""
    return tell(GROUPS, code)


def tell_scheme(code: int) -> str:
    """ "ecdsa_secp256r1_sha256"."""
    return tell(SCHEMES, code)


def tell_extension(code: int) -> str:
    """ "server_name"."""
    return tell(EXTENSIONS, code)


def tell_handshake_type(code: int) -> str:
    """ "ClientHello"."""
    return tell(HANDSHAKE_TYPES, code, 2)
