"""Libraries that speak in words: Node.js, Java, Go, Rust, .NET, curl, Python and MicroPython.

What they say in OpenSSL's or Mbed TLS's words is found in those tables.
"""

from __future__ import annotations

from sealmq.kit.codes.code import Code
from sealmq.kit.codes.table import read_table

_NODE = """
- DEPTH_ZERO_SELF_SIGNED_CERT untrusted the broker's certificate is signed by itself, and is not among the roots (ca)
- SELF_SIGNED_CERT_IN_CHAIN untrusted the chain ends in a root that is not among the roots (ca)
- UNABLE_TO_VERIFY_LEAF_SIGNATURE untrusted the broker sent its certificate alone, and its authority is not among
    the roots (ca)
- UNABLE_TO_GET_ISSUER_CERT untrusted a certificate in the middle of the chain is missing
- UNABLE_TO_GET_ISSUER_CERT_LOCALLY untrusted nobody among the roots (ca) has signed the certificate
- CERT_HAS_EXPIRED expired the certificate is past its last day
- CERT_NOT_YET_VALID clock the certificate is not valid yet
- CERT_REVOKED revoked the certificate was revoked
- CERT_SIGNATURE_FAILURE untrusted a certificate's signature is wrong
- CERT_UNTRUSTED untrusted the root is not trusted for this purpose
- INVALID_PURPOSE purpose the certificate is for another purpose
- HOSTNAME_MISMATCH name the certificate does not carry the name that was dialled
- ERR_TLS_CERT_ALTNAME_INVALID name the certificate does not carry the name that was dialled
    | Hostname/IP does not match certificate's altnames
- ERR_TLS_CERT_ALTNAME_FORMAT certificate a subjectAltName cannot be read
- ERR_TLS_DH_PARAM_SIZE weak the Diffie-Hellman key is too short
- ERR_TLS_HANDSHAKE_TIMEOUT silent the handshake did not end in time | TLS handshake timeout
- ERR_TLS_INVALID_PROTOCOL_VERSION version the TLS version that was asked for does not exist
- ERR_TLS_PROTOCOL_VERSION_CONFLICT version minVersion, maxVersion and secureProtocol contradict each other
- ERR_SSL_WRONG_VERSION_NUMBER not_tls what came is no TLS: the port speaks something else
- ERR_SSL_TLSV1_ALERT_UNKNOWN_CA device_untrusted the broker does not trust the authority that signed the client's
    certificate
- ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED no_certificate the broker wants a certificate, and none was shown
- ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE suite the broker found nothing in common, or wants a certificate
- ERR_OSSL_EVP_UNSUPPORTED password the key or .p12 is encrypted by an old algorithm that OpenSSL 3 does not load
- EPROTO connect_failed TLS failed: the words of OpenSSL behind it say why
- ENOTFOUND dns the host name could not be resolved | getaddrinfo ENOTFOUND
- EAI_AGAIN dns the DNS server did not answer
- TLS_BEFORE_SECURE closed the broker closed before the handshake was done
    | Client network socket disconnected before secure TLS connection was established
- CONNACK_TIMEOUT no_connack MQTT.js: the broker did not answer CONNECT in time | connack timeout
"""

_JAVA = """
- PKIX_PATH_BUILDING_FAILED untrusted no root in the trust store has signed the broker's certificate
    | PKIX path building failed | unable to find valid certification path to requested target
- PKIX_PATH_VALIDATION_FAILED untrusted the chain breaks a rule, or its root is not in the trust store
    | PKIX path validation failed | Path does not chain with any of the trust anchors
- TRUST_ANCHORS_EMPTY untrusted the trust store is empty or was not found
    | the trustAnchors parameter must be non-empty
- CERTIFICATE_EXPIRED_EXCEPTION expired the certificate is past its last day | CertificateExpiredException | NotAfter:
- CERTIFICATE_NOT_YET_VALID_EXCEPTION clock the certificate is not valid yet | CertificateNotYetValidException
    | NotBefore:
- NO_SUBJECT_ALTERNATIVE_NAMES name the certificate carries no name, or not the one that was dialled
    | No subject alternative names | No name matching | No subject alternative DNS name matching
- SSL_PEER_UNVERIFIED name the name in the certificate is not the one that was dialled | SSLPeerUnverifiedException
- UNRECOGNIZED_SSL_MESSAGE not_tls what came is no TLS: the port speaks something else
    | Unrecognized SSL message, plaintext connection
- UNSUPPORTED_OR_UNRECOGNIZED not_tls what came is no TLS: the port speaks something else
    | Unsupported or unrecognized SSL message
- NO_APPROPRIATE_PROTOCOL version no TLS version is turned on that both allow | No appropriate protocol
- REMOTE_HOST_TERMINATED closed the broker closed in the middle of the handshake
    | Remote host terminated the handshake | Remote host closed connection during handshake
- KEYSTORE_PASSWORD password the passphrase of the key store is wrong | keystore password was incorrect
- PAHO_JAVA_32103 refused Paho for Java: the TCP connection failed | Unable to connect to server (32103)
- PAHO_JAVA_32109 lost Paho for Java: the connection was lost | Connection lost (32109)
"""

_GO = """
- UNKNOWN_AUTHORITY untrusted no root in RootCAs has signed the certificate
    | x509: certificate signed by unknown authority
- EXPIRED expired the certificate is past its last day, or not valid yet
    | x509: certificate has expired or is not yet valid
- HOST_NAME name the certificate does not carry the name that was dialled | x509: certificate is valid for
- IP_SANS name the certificate carries no IP address, and an address was dialled
    | because it doesn't contain any IP SANs
- COMMON_NAME name the certificate has only a Common Name, which nobody reads any more
    | certificate relies on legacy Common Name field
- NO_NAMES name the certificate carries no name at all | x509: certificate is not valid for any names
- INCOMPATIBLE_USAGE purpose the certificate is not for servers, or not for clients
    | x509: certificate specifies an incompatible key usage
- NOT_CA purpose an authority's certificate is not marked as one
    | x509: invalid signature: parent certificate cannot sign this kind of certificate
- FIRST_RECORD not_tls what came is no TLS: the port speaks something else
    | tls: first record does not look like a TLS handshake
- KEY_PAIR key_mismatch the private key is not that of the certificate | tls: private key does not match public key
- NO_PEM pem there is no -----BEGIN line of the kind that was wanted | tls: failed to find any PEM data
- NO_CIPHER suite the two have no cipher suite in common | tls: no cipher suite supported by both client and server
- NO_CLIENT_CERTIFICATE no_certificate the client showed no certificate | tls: client didn't provide a certificate
- NO_VERSION version the client offers no version that is allowed | tls: client offered only unsupported versions
- VERIFY check the certificate did not pass the check: the words behind it say why
    | tls: failed to verify certificate
- NO_SUCH_HOST dns the host name could not be resolved | no such host
- IO_TIMEOUT silent nobody answered in time | i/o timeout
"""

_RUST = """
- UnknownIssuer untrusted no root that is loaded has signed the certificate | invalid peer certificate: UnknownIssuer
- NotValidForName name the certificate does not carry the name that was dialled | certificate not valid for name
- Expired expired the certificate is past its last day | invalid peer certificate: Expired
- NotValidYet clock the certificate is not valid yet | invalid peer certificate: NotValidYet
- CaUsedAsEndEntity purpose the broker shows an authority's certificate as its own | CaUsedAsEndEntity
- InvalidContentType not_tls what came is no TLS: the port speaks something else
    | received corrupt message of type InvalidContentType
"""

_NET = """
- RemoteCertificateChainErrors untrusted the chain ends in a root that is not trusted here
    | RemoteCertificateChainErrors
- RemoteCertificateNameMismatch name the certificate does not carry the name that was dialled
    | RemoteCertificateNameMismatch
- UntrustedRoot untrusted the root is not in the store of trusted roots | PartialChain | UntrustedRoot
- AuthenticationException check the certificate did not pass the check
    | The remote certificate is invalid according to the validation procedure | The remote certificate was rejected
- FrameFormat not_tls what came is no TLS: the port speaks something else
    | received an unexpected EOF or 0 bytes from the transport stream
"""

_PYTHON = """
- SSLEOFError closed the other side closed the TCP connection without closing TLS
    | EOF occurred in violation of protocol
- SSLZeroReturnError closed the other side closed TLS in order | TLS/SSL connection has been closed (EOF)
- HANDSHAKE_TIMED_OUT silent the handshake did not end in time | The handshake operation timed out
    | _ssl.c:989: The handshake operation timed out
- gaierror dns the host name could not be resolved | Temporary failure in name resolution
    | nodename nor servname provided
- CERTIFICATE_NOT_VALID_FOR name the certificate does not carry the name that was dialled
    | certificate is not valid for
- NAME_DOES_NOT_MATCH name the certificate does not carry the name that was dialled | doesn't match
"""

_MICROPYTHON = """
- INVALID_KEY pem the private key cannot be read | ValueError: invalid key
- INVALID_CERT pem the certificate cannot be read: MicroPython wants DER, or PEM where it was built in
    | ValueError: invalid cert
- MQTT_EXCEPTION_5 not_authorized umqtt: the broker does not let this client in | MQTTException: 5
- MQTT_EXCEPTION_4 login umqtt: user name or password is wrong | MQTTException: 4
- OSERROR_EMPTY closed umqtt: the broker closed the connection | OSError: -1
"""

_CURL = """
- CURLE_SSL_CONNECT_ERROR connect_failed TLS failed | curl: (35)
- CURLE_SSL_CERTPROBLEM pem the client's own certificate or key cannot be used | curl: (58)
- CURLE_PEER_FAILED_VERIFICATION check the certificate did not pass the check | curl: (60)
- CURLE_SSL_CACERT_BADFILE file the file of roots cannot be read | curl: (77)
"""

CODES: tuple[Code, ...] = (
    *read_table("node", "", _NODE),
    *read_table("java", "", _JAVA),
    *read_table("go", "", _GO),
    *read_table("rust", "", _RUST),
    *read_table("dotnet", "", _NET),
    *read_table("python", "", _PYTHON),
    *read_table("micropython", "", _MICROPYTHON),
    *read_table("curl", "", _CURL),
)
"""Codes that are words."""
