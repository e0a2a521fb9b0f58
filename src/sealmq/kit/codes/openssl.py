"""OpenSSL: results of the check of a certificate (X509_V_*), and numbers of its error queue taken apart.

Python, Node.js, mosquitto, curl and the openssl program print these. Read from x509_vfy.h of OpenSSL 3.0;
tests/interop/test_error_codes.py compares numbers, names and words.
"""

from __future__ import annotations

from sealmq.kit.codes.code import Code
from sealmq.kit.codes.openssl_reasons import ALERTS_FROM, LIBRARIES, REASONS
from sealmq.kit.codes.table import read_table

_VERIFY = """
0 OK ok the certificate passed the check
1 ERR_UNSPECIFIED internal the check failed, for a reason that is not named
    | unspecified certificate verification error
2 ERR_UNABLE_TO_GET_ISSUER_CERT untrusted the certificate of an authority in the middle of the chain is missing
    | unable to get issuer certificate
3 ERR_UNABLE_TO_GET_CRL crl there is no revocation list of the authority | unable to get certificate CRL
4 ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE certificate a certificate's signature cannot be opened
    | unable to decrypt certificate's signature
5 ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE crl the revocation list's signature cannot be opened
    | unable to decrypt CRL's signature
6 ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY certificate the authority's key cannot be read
    | unable to decode issuer public key
7 ERR_CERT_SIGNATURE_FAILURE untrusted a certificate's signature is wrong: an authority of the same name and
    another key | certificate signature failure
8 ERR_CRL_SIGNATURE_FAILURE crl the revocation list's signature is wrong | CRL signature failure
9 ERR_CERT_NOT_YET_VALID clock the certificate is not valid yet | certificate is not yet valid
10 ERR_CERT_HAS_EXPIRED expired the certificate is past its last day | certificate has expired
11 ERR_CRL_NOT_YET_VALID crl the revocation list is not valid yet | CRL is not yet valid
12 ERR_CRL_HAS_EXPIRED crl the revocation list is past its last day | CRL has expired
13 ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD certificate the first day is no date
    | format error in certificate's notBefore field
14 ERR_ERROR_IN_CERT_NOT_AFTER_FIELD certificate the last day is no date
    | format error in certificate's notAfter field
15 ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD crl the revocation list's first day is no date
    | format error in CRL's lastUpdate field
16 ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD crl the revocation list's last day is no date
    | format error in CRL's nextUpdate field
17 ERR_OUT_OF_MEM memory there was no memory
18 ERR_DEPTH_ZERO_SELF_SIGNED_CERT untrusted the certificate is signed by itself, and is not one that is trusted
    here | self-signed certificate | self signed certificate
19 ERR_SELF_SIGNED_CERT_IN_CHAIN untrusted the chain ends in a root that is not trusted here
    | self-signed certificate in certificate chain | self signed certificate in certificate chain
20 ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY untrusted nobody who is trusted here has signed the certificate: root not
    loaded, or intermediate not sent | unable to get local issuer certificate
21 ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE untrusted the broker sent its certificate alone, and its authority is not
    known here | unable to verify the first certificate
22 ERR_CERT_CHAIN_TOO_LONG large the chain is longer than is allowed | certificate chain too long
23 ERR_CERT_REVOKED revoked the certificate was revoked | certificate revoked
24 ERR_NO_ISSUER_PUBLIC_KEY purpose the issuer has no usable key, or is no authority
    | issuer certificate doesn't have a public key
25 ERR_PATH_LENGTH_EXCEEDED untrusted the chain is longer than its authority allows | path length constraint exceeded
26 ERR_INVALID_PURPOSE purpose the certificate is for another purpose: a client's in place of a server's, or the
    reverse | unsuitable certificate purpose | unsupported certificate purpose
27 ERR_CERT_UNTRUSTED untrusted the root is not marked as trusted for this purpose | certificate not trusted
28 ERR_CERT_REJECTED untrusted the root is marked as rejected for this purpose | certificate rejected
29 ERR_SUBJECT_ISSUER_MISMATCH untrusted the issuer's name is not the subject of the next certificate
    | subject issuer mismatch
30 ERR_AKID_SKID_MISMATCH untrusted the authority has another key than the certificate says
    | authority and subject key identifier mismatch
31 ERR_AKID_ISSUER_SERIAL_MISMATCH untrusted the authority has another serial number than the certificate says
    | authority and issuer serial number mismatch
32 ERR_KEYUSAGE_NO_CERTSIGN purpose the issuer's key usage does not allow it to sign certificates
    | key usage does not include certificate signing
33 ERR_UNABLE_TO_GET_CRL_ISSUER crl the authority of the revocation list is not known
    | unable to get CRL issuer certificate
34 ERR_UNHANDLED_CRITICAL_EXTENSION certificate a critical extension is not known here | unhandled critical extension
35 ERR_KEYUSAGE_NO_CRL_SIGN crl the issuer's key usage does not allow it to sign revocation lists
    | key usage does not include CRL signing
36 ERR_UNHANDLED_CRITICAL_CRL_EXTENSION crl a critical extension of the revocation list is not known here
    | unhandled critical CRL extension
37 ERR_INVALID_NON_CA purpose the certificate of a device or server is marked as an authority's
    | invalid non-CA certificate (has CA markings)
38 ERR_PROXY_PATH_LENGTH_EXCEEDED other a chain of proxy certificates is too long
    | proxy path length constraint exceeded
39 ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE purpose the key usage does not allow signatures
    | key usage does not include digital signature
40 ERR_PROXY_CERTIFICATES_NOT_ALLOWED other proxy certificates are not allowed
    | proxy certificates not allowed, please set the appropriate flag
41 ERR_INVALID_EXTENSION certificate an extension is not valid | invalid or inconsistent certificate extension
42 ERR_INVALID_POLICY_EXTENSION certificate a policy extension is not valid
    | invalid or inconsistent certificate policy extension
43 ERR_NO_EXPLICIT_POLICY certificate a policy is demanded, and there is none | no explicit policy
44 ERR_DIFFERENT_CRL_SCOPE crl the revocation list is for other certificates | different CRL scope
45 ERR_UNSUPPORTED_EXTENSION_FEATURE certificate an extension uses what is not known here
    | unsupported extension feature
46 ERR_UNNESTED_RESOURCE certificate an address resource is not the authority's
    | RFC 3779 resource not subset of parent's resources
47 ERR_PERMITTED_VIOLATION untrusted the name is not among those that the authority may certify
    | permitted subtree violation
48 ERR_EXCLUDED_VIOLATION untrusted the name is among those that the authority may not certify
    | excluded subtree violation
49 ERR_SUBTREE_MINMAX certificate the name constraints use what is not known here
    | name constraints minimum and maximum not supported
50 ERR_APPLICATION_VERIFICATION untrusted the program's own check refused the certificate
    | application verification failure
51 ERR_UNSUPPORTED_CONSTRAINT_TYPE certificate the name constraints are of an unknown kind
    | unsupported name constraint type
52 ERR_UNSUPPORTED_CONSTRAINT_SYNTAX certificate the name constraints cannot be read
    | unsupported or invalid name constraint syntax
53 ERR_UNSUPPORTED_NAME_SYNTAX certificate a name cannot be read | unsupported or invalid name syntax
54 ERR_CRL_PATH_VALIDATION_ERROR crl the revocation list's own chain is not good | CRL path validation error
55 ERR_PATH_LOOP certificate the chain goes in a circle | path loop
56 ERR_SUITE_B_INVALID_VERSION weak Suite B: the certificate's version is wrong | Suite B: certificate version invalid
57 ERR_SUITE_B_INVALID_ALGORITHM weak Suite B: the key's algorithm is not allowed
    | Suite B: invalid public key algorithm
58 ERR_SUITE_B_INVALID_CURVE weak Suite B: the curve is not allowed | Suite B: invalid ECC curve
59 ERR_SUITE_B_INVALID_SIGNATURE_ALGORITHM weak Suite B: the signature's algorithm is not allowed
    | Suite B: invalid signature algorithm
60 ERR_SUITE_B_LOS_NOT_ALLOWED weak Suite B: the curve is too weak for this level
    | Suite B: curve not allowed for this LOS
61 ERR_SUITE_B_CANNOT_SIGN_P_384_WITH_P_256 weak Suite B: P-256 may not sign P-384
    | Suite B: cannot sign P-384 with P-256
62 ERR_HOSTNAME_MISMATCH name the certificate does not carry the name that was dialled | hostname mismatch
    | no alternative certificate subject name matches target
63 ERR_EMAIL_MISMATCH name the certificate does not carry the mail address that was wanted | email address mismatch
64 ERR_IP_ADDRESS_MISMATCH name the certificate does not carry the address that was dialled | IP address mismatch
65 ERR_DANE_NO_MATCH untrusted no DANE record in the DNS fits the certificate | no matching DANE TLSA records
66 ERR_EE_KEY_TOO_SMALL weak the certificate's key is too short | EE certificate key too weak
67 ERR_CA_KEY_TOO_SMALL weak the authority's key is too short | CA certificate key too weak
68 ERR_CA_MD_TOO_WEAK weak a certificate is signed with SHA-1 or MD5 | CA signature digest algorithm too weak
69 ERR_INVALID_CALL misuse the check was called in a wrong way | invalid certificate verification context
70 ERR_STORE_LOOKUP file looking for an issuer failed | issuer certificate lookup error
71 ERR_NO_VALID_SCTS untrusted certificate transparency is demanded, and there is no proof
    | Certificate Transparency required, but no valid SCTs found
72 ERR_PROXY_SUBJECT_NAME_VIOLATION other the name of a proxy certificate is wrong | proxy subject name violation
73 ERR_OCSP_VERIFY_NEEDED ocsp OCSP must be asked | OCSP verification needed
74 ERR_OCSP_VERIFY_FAILED ocsp OCSP could not be asked | OCSP verification failed
75 ERR_OCSP_CERT_UNKNOWN ocsp the OCSP responder does not know the certificate | OCSP unknown cert
76 ERR_UNSUPPORTED_SIGNATURE_ALGORITHM weak the signature's algorithm is not known here
    | Cannot find certificate signature algorithm
77 ERR_SIGNATURE_ALGORITHM_MISMATCH certificate the signature's algorithm does not fit the authority's key
    | subject signature algorithm and issuer public key algorithm mismatch
78 ERR_SIGNATURE_ALGORITHM_INCONSISTENCY certificate the two fields for the signature's algorithm differ
    | cert info signature and signature algorithm mismatch
79 ERR_INVALID_CA purpose a certificate that is no authority's has signed another | invalid CA certificate
80 ERR_PATHLEN_INVALID_FOR_NON_CA certificate a path length stands in what is no authority's certificate
    | Path length invalid for non-CA cert
81 ERR_PATHLEN_WITHOUT_KU_KEY_CERT_SIGN certificate a path length stands without the right to sign
    | Path length given without key usage keyCertSign
82 ERR_KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA certificate what is no authority's certificate has the right to sign
    others | Key usage keyCertSign invalid for non-CA cert
83 ERR_ISSUER_NAME_EMPTY certificate the issuer's name is empty | Issuer name empty
84 ERR_SUBJECT_NAME_EMPTY certificate the subject's name is empty | Subject name empty
85 ERR_MISSING_AUTHORITY_KEY_IDENTIFIER certificate there is no authority key identifier, which Python 3.13 and
    later want | Missing Authority Key Identifier
86 ERR_MISSING_SUBJECT_KEY_IDENTIFIER certificate there is no subject key identifier, which Python 3.13 and later
    want | Missing Subject Key Identifier
87 ERR_EMPTY_SUBJECT_ALT_NAME certificate the subjectAltName is empty | Empty Subject Alternative Name extension
88 ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL certificate the subject is empty and subjectAltName not critical
    | Subject empty and Subject Alt Name extension not critical
89 ERR_CA_BCONS_NOT_CRITICAL certificate an authority's basic constraints are not critical
    | Basic Constraints of CA cert not marked critical
90 ERR_AUTHORITY_KEY_IDENTIFIER_CRITICAL certificate the authority key identifier is critical and may not be
    | Authority Key Identifier marked critical
91 ERR_SUBJECT_KEY_IDENTIFIER_CRITICAL certificate the subject key identifier is critical and may not be
    | Subject Key Identifier marked critical
92 ERR_CA_CERT_MISSING_KEY_USAGE certificate an authority's certificate has no key usage
    | CA cert does not include key usage extension
93 ERR_EXTENSIONS_REQUIRE_VERSION_3 certificate extensions stand in a certificate that is not of version 3
    | Using cert extension requires at least X509v3
94 ERR_EC_KEY_EXPLICIT_PARAMS weak the key describes its curve in place of naming it
    | Certificate public key has explicit ECC parameters
"""

VERIFY: tuple[Code, ...] = read_table("openssl-verify", "X509_V_", _VERIFY)
"""X509_V_OK and X509_V_ERR_*."""

CODES: tuple[Code, ...] = tuple(REASONS.values())
"""SSL_R_*, PEM_R_*, X509_R_*, EVP_R_*: their numbers are only unique within their part."""

_REASON_BITS, _FLAG_BITS = 0x7FFFFF, 0x3FFFF
_OLD_REASON_BITS = 0xFFF
_SYSTEM = 0x80000000


def unpack(packed: int) -> tuple[str, int]:
    """The part of OpenSSL and the reason in a number of its error queue, as "error:0A000418" prints it.

    OpenSSL 3 has the part in bits 23 to 30 and the reason below; 1.1 the part in bits 24 to 31 and the reason in the
    lowest 12. Which one it is shows by the part that comes out. A part that is not in LIBRARIES is "".
    """
    if packed & _SYSTEM:
        return "SYS", packed & ~_SYSTEM
    part, reason = packed >> 23 & 0xFF, packed & _REASON_BITS & _FLAG_BITS
    if part in LIBRARIES and reason <= _OLD_REASON_BITS:
        return LIBRARIES[part], reason
    part, reason = packed >> 24 & 0xFF, packed & _OLD_REASON_BITS
    return LIBRARIES.get(part, ""), reason


def heard_alert(part: str, reason: int) -> int | None:
    """The number of the alert that was heard, None when it is another reason."""
    return reason - ALERTS_FROM if part == "SSL" and reason >= ALERTS_FROM else None
