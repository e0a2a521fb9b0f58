"""BearSSL: what br_ssl_engine_last_error() gives, and ESP8266's getLastSSLError() and Tasmota print.

256 + N: an alert of number N was heard; 512 + N: it was sent. Read from bearssl_ssl.h, bearssl_x509.h of BearSSL 0.6;
tests/interop/test_error_codes.py compares.
"""

from __future__ import annotations

from sealmq.kit.codes.code import Code
from sealmq.kit.codes.table import read_table

ALERT_HEARD, ALERT_SENT = 256, 512

_TABLE = """
0 OK ok no error
1 BAD_PARAM misuse a function got a wrong argument
2 BAD_STATE misuse a function was called in a state in which it may not be
3 UNSUPPORTED_VERSION version a record's version is not known: an old TLS, or TLS 1.3 alone, which BearSSL lacks
4 BAD_VERSION version a record's version is not the one that was agreed
5 BAD_LENGTH broken a record's length is not possible
6 TOO_LARGE large a record or message does not fit into the buffer | Incoming record or handshake message is too large
7 BAD_MAC corrupted a record's check value or padding is wrong
    | Decryption found an invalid padding, or the record MAC is not correct
8 NO_RANDOM random the random generator was not seeded
9 UNKNOWN_TYPE not_tls a record of an unknown type came
10 UNEXPECTED broken a record or message came that is not allowed at this point
12 BAD_CCS broken a ChangeCipherSpec is not as it must be
13 BAD_ALERT broken an alert is not as it must be
14 BAD_HANDSHAKE broken a handshake message is not as it must be
15 OVERSIZED_ID broken a session id is too long
16 BAD_CIPHER_SUITE suite the server chose a suite that was not offered or is not built in
    | Server wants to use a cipher suite that we did not claim to support
17 BAD_COMPRESSION broken the server chose a compression that was not offered
18 BAD_FRAGLEN large the server's answer to max_fragment_length is not what was asked for
19 BAD_SECRENEG renegotiation the renegotiation extension is not right
20 EXTRA_EXTENSION broken the server sent an extension that was not asked for
21 BAD_SNI broken the server's answer to the server name is not empty
22 BAD_HELLO_DONE broken a ServerHelloDone is not empty
23 LIMIT_EXCEEDED large a limit of the library was met: a key or a handshake value is too long
24 BAD_FINISHED corrupted the handshake's checksum (Finished) is wrong
25 RESUME_MISMATCH ticket the resumed session has another version or suite
26 INVALID_ALGORITHM suite the server wants an algorithm or curve that is not built in
    | Unsupported or invalid algorithm (ECDHE curve, signature algorithm, hash function)
27 BAD_SIGNATURE key_mismatch a signature of the handshake is wrong
28 WRONG_KEY_USAGE purpose the key usage or kind of the server's key does not fit the suite
29 NO_CLIENT_AUTH no_certificate the client showed no certificate, and the server demands one
31 IO closed reading or writing failed: the connection is gone | I/O error
32 X509_OK ok the chain is good
33 X509_INVALID_VALUE certificate a value in a certificate is not valid
34 X509_TRUNCATED pem a certificate ends too early
35 X509_EMPTY_CHAIN certificate the chain is empty
36 X509_INNER_TRUNC pem a part of a certificate is longer than what it is in
37 X509_BAD_TAG_CLASS pem a field of a certificate is of an unknown class
38 X509_BAD_TAG_VALUE pem a field of a certificate is of an unknown kind
39 X509_INDEFINITE_LENGTH pem a length of indefinite form may not be there
40 X509_EXTRA_ELEMENT pem there is a field too many
41 X509_UNEXPECTED pem another kind of field stands there than is wanted
42 X509_NOT_CONSTRUCTED pem a field should hold others, and does not
43 X509_NOT_PRIMITIVE pem a field holds others, and should not
44 X509_PARTIAL_BYTE pem a bit string is not of whole bytes
45 X509_BAD_BOOLEAN pem a yes or no has an impossible length
46 X509_OVERFLOW certificate an object identifier is too large
47 X509_BAD_DN certificate a name cannot be read
48 X509_BAD_TIME certificate a date cannot be read
49 X509_UNSUPPORTED weak a certificate uses what is not known here, such as RSA-PSS
50 X509_LIMIT_EXCEEDED large a key or a field is longer than the library takes
51 X509_WRONG_KEY_TYPE weak the key is not of the kind that the suite wants
52 X509_BAD_SIGNATURE untrusted a certificate's signature is wrong
53 X509_TIME_UNKNOWN clock the library does not know the time
    | Certificate validity cannot be checked because the current time is not available
54 X509_EXPIRED expired a certificate is past its last day or not valid yet; with an unset clock nearly always the
    latter | Certificate is expired or not yet valid
55 X509_DN_MISMATCH untrusted the issuer's name is not the subject of the next certificate
56 X509_BAD_SERVER_NAME name the certificate does not carry the name that was dialled
    | Expected server name was not found in the chain
57 X509_CRITICAL_EXTENSION certificate a critical extension is not known here
58 X509_NOT_CA purpose a certificate that is no authority's has signed another
59 X509_FORBIDDEN_KEY_USAGE purpose the key usage does not allow what the certificate is used for
60 X509_WEAK_PUBLIC_KEY weak a key is too short
62 X509_NOT_TRUSTED untrusted the chain ends in no authority that is trusted here
    | Chain could not be linked to a trust anchor
"""

CODES: tuple[Code, ...] = read_table("bearssl", "BR_ERR_", _TABLE)
"""BR_ERR_*."""
