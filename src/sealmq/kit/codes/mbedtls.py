"""Mbed TLS: error numbers of both generations (2; 3 and later), PSA status codes, flags of a certificate's check.

An error number is a high part (which module) plus a low part (what below it), both negative: -0x262E is -0x2600 and
-0x002E. Read from the headers of Mbed TLS 2.28 and 3.6; tests/interop/test_error_codes.py compares.
"""

from __future__ import annotations

from sealmq.kit.codes.code import Code
from sealmq.kit.codes.table import read_table

_PREFIX = "MBEDTLS_ERR_"
_OLD, _NEW = "Mbed TLS 2", "Mbed TLS 3 and 4"
HIGH, LOW = 0x7F80, 0x007F
"""The bits of the two parts."""

_SSL = """
-0x5E80 SSL_BAD_CONFIG misuse a value in the TLS configuration is not valid
-0x5F00 SSL_VERSION_MISMATCH version the operation does not fit the version or configuration that is used
-0x6000 SSL_UNEXPECTED_CID broken a DTLS record carries a connection id that was not agreed
-0x6480 SSL_EARLY_MESSAGE again a message came early; the library deals with it
-0x6500 SSL_ASYNC_IN_PROGRESS again a signature or decryption is still being made elsewhere
-0x6580 SSL_CONTINUE_PROCESSING again the library goes on with the next message
-0x6680 SSL_NON_FATAL again an alert that ends nothing was handled
    | SSL - The alert message received indicates a non-fatal error
-0x6700 SSL_UNEXPECTED_RECORD broken a record came that is not allowed at this point
-0x6780 SSL_CLIENT_RECONNECT again the DTLS client began anew from the same port
-0x6800 SSL_TIMEOUT silent the other side did not answer in time | SSL - The operation timed out
-0x6880 SSL_WANT_WRITE again the socket takes no bytes at this moment | SSL - Connection requires a write call
-0x6900 SSL_WANT_READ again nothing has come yet
    | SSL - No data of requested type currently available on underlying transport
-0x6A00 SSL_BUFFER_TOO_SMALL large a buffer is too small for the message
    | SSL - A buffer is too small to receive or write a message
-0x6A80 SSL_HELLO_VERIFY_REQUIRED again the DTLS client must show a cookie first
-0x6B00 SSL_WAITING_SERVER_HELLO_RENEGO again a renegotiation was asked for, and its hello has not come
-0x6B80 SSL_COUNTER_WRAPPING internal a record counter is used up: connect anew
-0x6C00 SSL_INTERNAL_ERROR internal an error inside the library
    | SSL - Internal error (eg, unexpected failure in lower-level module)
-0x6C80 SSL_UNKNOWN_IDENTITY psk the identity of the pre-shared key is not known
-0x6D00 SSL_PK_TYPE_MISMATCH suite the certificate's key is of another type (RSA, EC) than the suite wants
-0x6D80 SSL_SESSION_TICKET_EXPIRED ticket the session ticket is too old
-0x6F80 SSL_HW_ACCEL_FALLTHROUGH again the accelerator left the work to software
-0x7000 SSL_CRYPTO_IN_PROGRESS again a computation goes on in the next call
-0x7080 SSL_FEATURE_UNAVAILABLE not_built the TLS feature was not built in
-0x7100 SSL_BAD_INPUT_DATA large a record is longer than the receive buffer, or a function got a wrong argument
    | SSL - Bad input parameters to function
-0x7180 SSL_INVALID_MAC corrupted a record's check value is wrong | SSL - Verification of the message MAC failed
-0x7200 SSL_INVALID_RECORD not_tls a record that is not TLS, or longer than the receive buffer
    | SSL - An invalid SSL record was received
-0x7280 SSL_CONN_EOF closed the other side closed the TCP connection | SSL - The connection indicated an EOF
-0x7400 SSL_NO_RNG random no random generator was set | SSL - No RNG was provided to the SSL module
-0x7480 SSL_NO_CLIENT_CERTIFICATE no_certificate the client showed no certificate, and the server demands one
-0x7600 SSL_PRIVATE_KEY_REQUIRED no_certificate no private key (or pre-shared key) is set, and one is needed
-0x7680 SSL_CA_CHAIN_REQUIRED untrusted no root certificate is set, and one is needed to check the other side
    | SSL - No CA Chain is set, but required to operate
-0x7700 SSL_UNEXPECTED_MESSAGE broken a message came that is not allowed at this point
    | SSL - An unexpected message was received from our peer
-0x7780 SSL_FATAL_ALERT_MESSAGE alert_heard the other side ended the connection with a fatal alert
    | SSL - A fatal alert message was received from our peer
-0x7880 SSL_PEER_CLOSE_NOTIFY closed the other side says that it closes, in order
    | SSL - The peer notified us that the connection is going to be closed
-0x7F00 SSL_ALLOC_FAILED memory there was no memory for TLS | SSL - Memory allocation failed
-0x7F80 SSL_HW_ACCEL_FAILED hardware the accelerator gave an error
"""

_SSL_OLD = """
-0x6600 SSL_INVALID_VERIFY_HASH suite the hash of a signature is not the one that was agreed
-0x6980 SSL_NO_USABLE_CIPHERSUITE suite no cipher suite fits the certificate and key that are loaded
    | SSL - None of the common ciphersuites is usable
-0x6E00 SSL_BAD_HS_NEW_SESSION_TICKET broken the NewSessionTicket message could not be read
-0x6E80 SSL_BAD_HS_PROTOCOL_VERSION version the other side's TLS version is not allowed here
    | SSL - Handshake protocol not within min/max boundaries
-0x6F00 SSL_COMPRESSION_FAILED broken compressing or unpacking failed
-0x7300 SSL_UNKNOWN_CIPHER suite an unknown cipher suite was chosen | SSL - An unknown cipher was received
-0x7380 SSL_NO_CIPHER_CHOSEN suite the two have no cipher suite in common
    | SSL - The server has no ciphersuites in common with the client
-0x7500 SSL_CERTIFICATE_TOO_LARGE large our own certificate does not fit into the send buffer
    | SSL - Our own certificate(s) is/are too large to send in an SSL message
-0x7580 SSL_CERTIFICATE_REQUIRED no_certificate no certificate of our own is set, and one is needed
    | SSL - The own certificate is not set, but needed by the server
-0x7800 SSL_PEER_VERIFY_FAILED check the other side's certificate did not pass the check
    | SSL - Verification of our peer failed
-0x7900 SSL_BAD_HS_CLIENT_HELLO broken the ClientHello could not be read
    | SSL - Processing of the ClientHello handshake message failed
-0x7980 SSL_BAD_HS_SERVER_HELLO broken the ServerHello could not be read, or chose what was not offered
    | SSL - Processing of the ServerHello handshake message failed
-0x7A00 SSL_BAD_HS_CERTIFICATE certificate the other side's certificate message could not be read
    | SSL - Processing of the Certificate handshake message failed
-0x7A80 SSL_BAD_HS_CERTIFICATE_REQUEST broken the CertificateRequest could not be read
-0x7B00 SSL_BAD_HS_SERVER_KEY_EXCHANGE broken the server's key exchange could not be read, or its signature is
    wrong | SSL - Processing of the ServerKeyExchange handshake message failed
-0x7B80 SSL_BAD_HS_SERVER_HELLO_DONE broken the ServerHelloDone could not be read
-0x7C00 SSL_BAD_HS_CLIENT_KEY_EXCHANGE broken the client's key exchange could not be read
-0x7C80 SSL_BAD_HS_CLIENT_KEY_EXCHANGE_RP broken the client's public value could not be read
-0x7D00 SSL_BAD_HS_CLIENT_KEY_EXCHANGE_CS broken the shared secret could not be computed
-0x7D80 SSL_BAD_HS_CERTIFICATE_VERIFY key_mismatch the client could not prove that it has the key of its certificate
-0x7E00 SSL_BAD_HS_CHANGE_CIPHER_SPEC broken the ChangeCipherSpec could not be read
-0x7E80 SSL_BAD_HS_FINISHED corrupted the handshake's checksum (Finished) is wrong
"""

_SSL_NEW = """
-0x5D80 SSL_CERTIFICATE_VERIFICATION_WITHOUT_HOSTNAME no_host_name a client must check the certificate, and was
    told no host name
-0x6600 SSL_ILLEGAL_PARAMETER broken a field of a message is wrong or contradicts another
-0x6E00 SSL_HANDSHAKE_FAILURE suite the two agreed on nothing: no common suite, group or signature
    | SSL - The handshake negotiation failed
-0x6E80 SSL_BAD_PROTOCOL_VERSION version the other side's TLS version is not allowed here
-0x7300 SSL_DECODE_ERROR broken a message could not be taken apart
    | SSL - A message could not be parsed due to a syntactic error
-0x7500 SSL_UNSUPPORTED_EXTENSION large the server answered an extension that is not allowed there:
    max_fragment_length in TLS 1.3
    | SSL - Client received an extended server hello containing an unsupported extension
-0x7580 SSL_NO_APPLICATION_PROTOCOL alpn no application protocol (ALPN) in common
-0x7800 SSL_UNRECOGNIZED_NAME server_name nobody of the server name (SNI) that was asked for is there
-0x7A00 SSL_BAD_CERTIFICATE certificate the other side's certificate message could not be read
-0x7B00 SSL_RECEIVED_NEW_SESSION_TICKET again a session ticket came (TLS 1.3): read again
-0x7B80 SSL_CANNOT_READ_EARLY_DATA ticket early data cannot be read
-0x7C00 SSL_RECEIVED_EARLY_DATA again early data came: read it, then go on
-0x7C80 SSL_CANNOT_WRITE_EARLY_DATA ticket early data cannot be sent
-0x7E80 SSL_CACHE_ENTRY_NOT_FOUND ticket the session is not in the cache
"""

_X509 = """
-0x2080 X509_FEATURE_UNAVAILABLE not_built a part for certificates was not built in, such as RSA or a hash
    | X509 - Unavailable feature, e.g. RSA hashing/encryption combination
-0x2100 X509_UNKNOWN_OID certificate the certificate has an object identifier that is not known
-0x2180 X509_INVALID_FORMAT pem the bytes are not a certificate, or one with a wrong length
    | X509 - The CRT/CRL/CSR format is invalid, e.g. different type expected
-0x2200 X509_INVALID_VERSION certificate the version field is wrong
-0x2280 X509_INVALID_SERIAL certificate the serial number is wrong
-0x2300 X509_INVALID_ALG certificate the algorithm field is wrong
-0x2380 X509_INVALID_NAME certificate a name cannot be read
-0x2400 X509_INVALID_DATE certificate a date cannot be read
-0x2480 X509_INVALID_SIGNATURE certificate the signature field cannot be read
-0x2500 X509_INVALID_EXTENSIONS certificate an extension cannot be read, or is critical and not known
    | X509 - The extension tag or value is invalid
-0x2580 X509_UNKNOWN_VERSION certificate the version is not known: only 1 to 3 exist
-0x2600 X509_UNKNOWN_SIG_ALG weak the certificate is signed by an algorithm that is not known here
    | X509 - Signature algorithm (oid) is unsupported
-0x2680 X509_SIG_MISMATCH certificate the two fields for the signature's algorithm differ
-0x2700 X509_CERT_VERIFY_FAILED check the other side's certificate did not pass the check: authority, name or
    date | X509 - Certificate verification failed, e.g. CRL, CA or signature check failed
    | X509 - Certificate verification failed | Failed to verify peer certificate
    | the certificate is not correctly signed by the trusted CA
-0x2780 X509_CERT_UNKNOWN_FORMAT pem it is neither DER nor PEM | X509 - Format not recognized as DER or PEM
-0x2800 X509_BAD_INPUT_DATA misuse a function for certificates got a wrong argument
-0x2880 X509_ALLOC_FAILED memory there was no memory for a certificate
-0x2900 X509_FILE_IO_ERROR file the file of a certificate could not be read | X509 - Read/write of file failed
-0x2980 X509_BUFFER_TOO_SMALL misuse the buffer for the result is too small
-0x3000 X509_FATAL_ERROR internal checking the chain broke off: a chain of more than 8, or an error in a callback
"""

_KEYS = """
-0x3880 PK_HW_ACCEL_FAILED hardware the accelerator failed with a key
-0x3900 PK_SIG_LEN_MISMATCH broken the signature is good but longer than it must be
-0x3980 PK_FEATURE_UNAVAILABLE not_built the kind of key was not built in
-0x3A00 PK_UNKNOWN_NAMED_CURVE weak the key's curve is not known here: turn it on in the configuration
    | PK - Elliptic curve is unsupported (only NIST curves are supported)
-0x3A80 PK_INVALID_ALG pem the key's algorithm field is wrong
-0x3B00 PK_INVALID_PUBKEY pem the public key cannot be read
-0x3B80 PK_PASSWORD_MISMATCH password the passphrase of the key is wrong
-0x3C00 PK_PASSWORD_REQUIRED password the key is encrypted, and no passphrase was given
-0x3C80 PK_UNKNOWN_PK_ALG weak the kind of key is not known: only RSA and EC are
    | PK - Key algorithm is unsupported (only RSA and EC are supported)
-0x3D00 PK_KEY_INVALID_FORMAT pem the bytes are not a private key that is known here | PK - Invalid key tag or value
-0x3D80 PK_KEY_INVALID_VERSION pem the version field of the key is wrong
-0x3E00 PK_FILE_IO_ERROR file the key's file could not be read
-0x3E80 PK_BAD_INPUT_DATA misuse a function for keys got a wrong argument
-0x3F00 PK_TYPE_MISMATCH key_mismatch the key is of another kind (RSA, EC) than is wanted
-0x3F80 PK_ALLOC_FAILED memory there was no memory for a key
-0x4080 RSA_BAD_INPUT_DATA misuse an RSA function got a wrong argument
-0x4100 RSA_INVALID_PADDING corrupted the RSA padding is wrong
-0x4180 RSA_KEY_GEN_FAILED random an RSA key could not be made
-0x4200 RSA_KEY_CHECK_FAILED pem the RSA key is not valid
-0x4280 RSA_PUBLIC_FAILED internal the RSA computation with the public key failed
    | RSA - The public key operation failed
-0x4300 RSA_PRIVATE_FAILED internal the RSA computation with the private key failed
    | RSA - The private key operation failed
-0x4380 RSA_VERIFY_FAILED untrusted an RSA signature is wrong
-0x4400 RSA_OUTPUT_TOO_LARGE misuse the buffer for the RSA result is too small
-0x4480 RSA_RNG_FAILED random the random generator failed for RSA
-0x4B00 ECP_IN_PROGRESS again a computation goes on in the next call
-0x4C00 ECP_SIG_LEN_MISMATCH broken the signature is good but longer than it must be
-0x4C80 ECP_INVALID_KEY broken an EC key is not on its curve
-0x4D00 ECP_RANDOM_FAILED random the random generator failed for EC
-0x4D80 ECP_ALLOC_FAILED memory there was no memory for EC computations
-0x4E00 ECP_VERIFY_FAILED untrusted an ECDSA signature is wrong | ECP - The signature is not valid
-0x4E80 ECP_FEATURE_UNAVAILABLE weak the curve was not built in
    | ECP - The requested feature is not available, for example, the requested curve is not supported
-0x4F00 ECP_BUFFER_TOO_SMALL misuse the buffer for the EC result is too small
-0x4F80 ECP_BAD_INPUT_DATA misuse an EC function got a wrong argument
-0x3080 DHM_BAD_INPUT_DATA misuse a Diffie-Hellman function got a wrong argument
-0x3100 DHM_READ_PARAMS_FAILED broken the Diffie-Hellman parameters cannot be read
-0x3180 DHM_MAKE_PARAMS_FAILED internal the Diffie-Hellman parameters cannot be made
-0x3200 DHM_READ_PUBLIC_FAILED broken the other side's Diffie-Hellman value cannot be read
-0x3280 DHM_MAKE_PUBLIC_FAILED internal our Diffie-Hellman value cannot be made
-0x3300 DHM_CALC_SECRET_FAILED internal the Diffie-Hellman secret cannot be computed
-0x3380 DHM_INVALID_FORMAT pem the file of Diffie-Hellman parameters is not as it must be
-0x3400 DHM_ALLOC_FAILED memory there was no memory for Diffie-Hellman
-0x3480 DHM_FILE_IO_ERROR file the file of Diffie-Hellman parameters could not be read
-0x3580 DHM_SET_GROUP_FAILED misuse the Diffie-Hellman group could not be set
"""

_FORMATS = """
-0x1080 PEM_NO_HEADER_FOOTER_PRESENT pem there is no -----BEGIN or -----END line | PEM - No PEM header or footer found
-0x1100 PEM_INVALID_DATA pem the text between the lines is not base64 | PEM - PEM string is not as expected
-0x1180 PEM_ALLOC_FAILED memory there was no memory for the PEM text
-0x1200 PEM_INVALID_ENC_IV pem the encrypted PEM has a wrong initial value
-0x1280 PEM_UNKNOWN_ENC_ALG password the PEM is encrypted by an unknown algorithm
-0x1300 PEM_PASSWORD_REQUIRED password the PEM is encrypted, and no passphrase was given
-0x1380 PEM_PASSWORD_MISMATCH password the passphrase of the PEM is wrong
-0x1400 PEM_FEATURE_UNAVAILABLE not_built PEM, or its encryption, was not built in
-0x1480 PEM_BAD_INPUT_DATA misuse a PEM function got a wrong argument
-0x1E00 PKCS12_PASSWORD_MISMATCH password the passphrase of the PKCS #12 data is wrong
-0x1E80 PKCS12_PBE_INVALID_FORMAT pem the PKCS #12 data is not as it must be
-0x1F00 PKCS12_FEATURE_UNAVAILABLE not_built the PKCS #12 feature was not built in
-0x1F80 PKCS12_BAD_INPUT_DATA misuse a PKCS #12 function got a wrong argument
-0x2E00 PKCS5_PASSWORD_MISMATCH password the passphrase of the PKCS #5 data is wrong
-0x2E80 PKCS5_FEATURE_UNAVAILABLE not_built the PKCS #5 feature was not built in
-0x2F00 PKCS5_INVALID_FORMAT pem the PKCS #5 data is not as it must be
-0x2F80 PKCS5_BAD_INPUT_DATA misuse a PKCS #5 function got a wrong argument
-0x5F80 HKDF_BAD_INPUT_DATA misuse a key derivation got a wrong argument
-0x5080 MD_FEATURE_UNAVAILABLE not_built the hash was not built in
-0x5100 MD_BAD_INPUT_DATA misuse a hash function got a wrong argument
-0x5180 MD_ALLOC_FAILED memory there was no memory for a hash
-0x5200 MD_FILE_IO_ERROR file a file to be hashed could not be read
-0x6080 CIPHER_FEATURE_UNAVAILABLE not_built the cipher was not built in
-0x6100 CIPHER_BAD_INPUT_DATA misuse a cipher function got a wrong argument
-0x6180 CIPHER_ALLOC_FAILED memory there was no memory for a cipher
-0x6200 CIPHER_INVALID_PADDING corrupted the padding of decrypted data is wrong
-0x6280 CIPHER_FULL_BLOCK_EXPECTED misuse the data is not a multiple of the block
-0x6300 CIPHER_AUTH_FAILED corrupted encrypted data was altered, or the key is another
-0x6380 CIPHER_INVALID_CONTEXT misuse the cipher was not set up
"""

_LOW = """
-0x0001 ERROR_GENERIC_ERROR internal an error that is not named
-0x0002 MPI_FILE_IO_ERROR file a number could not be read from a file
-0x0004 MPI_BAD_INPUT_DATA misuse a number function got a wrong argument | BIGNUM - Bad input parameters to function
-0x0006 MPI_INVALID_CHARACTER pem a number has a character that is no digit
-0x0008 MPI_BUFFER_TOO_SMALL misuse the buffer for a number is too small
-0x000A MPI_NEGATIVE_VALUE misuse a number is negative where it may not be
-0x000C MPI_DIVISION_BY_ZERO misuse a number was divided by zero
-0x000E MPI_NOT_ACCEPTABLE misuse a number is not in the range that is wanted
-0x0010 MPI_ALLOC_FAILED memory there was no memory for a large number | BIGNUM - Memory allocation failed
-0x000B OID_BUF_TOO_SMALL misuse the buffer for an object identifier is too small
-0x000D CCM_BAD_INPUT misuse CCM got a wrong argument
-0x000F CCM_AUTH_FAILED corrupted data under CCM was altered, or the key is another
-0x0003 HMAC_DRBG_REQUEST_TOO_BIG misuse too many random bytes were asked for at once
-0x0005 HMAC_DRBG_INPUT_TOO_BIG misuse the seed is too long
-0x0007 HMAC_DRBG_FILE_IO_ERROR file the seed file could not be read
-0x0009 HMAC_DRBG_ENTROPY_SOURCE_FAILED random the source of randomness failed
-0x0012 GCM_AUTH_FAILED corrupted data under GCM was altered, or the key is another
-0x0014 GCM_BAD_INPUT misuse GCM got a wrong argument
-0x001A THREADING_FEATURE_UNAVAILABLE not_built threads were not built in
-0x001C THREADING_BAD_INPUT_DATA misuse a lock was used before it was made
-0x001E THREADING_MUTEX_ERROR internal a lock failed
-0x002A BASE64_BUFFER_TOO_SMALL misuse the buffer for base64 is too small
-0x002C BASE64_INVALID_CHARACTER pem the base64 text has a wrong character
-0x002E OID_NOT_FOUND certificate an object identifier is not known, or its algorithm not built in
    | OID - OID is not found
-0x0034 CTR_DRBG_ENTROPY_SOURCE_FAILED random the source of randomness failed | CTR_DRBG - The entropy source failed
-0x0036 CTR_DRBG_REQUEST_TOO_BIG misuse too many random bytes were asked for at once
-0x0038 CTR_DRBG_INPUT_TOO_BIG misuse the seed is too long
-0x003A CTR_DRBG_FILE_IO_ERROR file the seed file could not be read
-0x003C ENTROPY_SOURCE_FAILED random the source of randomness failed
-0x003D ENTROPY_NO_STRONG_SOURCE random no strong source of randomness is there
-0x003E ENTROPY_MAX_SOURCES misuse there are too many sources of randomness
-0x003F ENTROPY_FILE_IO_ERROR file the seed file could not be read
-0x0040 ENTROPY_NO_SOURCES_DEFINED random no source of randomness was built in
-0x0042 NET_SOCKET_FAILED sockets a socket could not be opened | NET - Failed to open a socket
-0x0043 NET_BUFFER_TOO_SMALL misuse the buffer for an address is too small
-0x0044 NET_CONNECT_FAILED refused the TCP connection failed | NET - The connection to the given server / port failed
-0x0045 NET_INVALID_CONTEXT disconnected the connection is not open
-0x0046 NET_BIND_FAILED busy_port the address could not be taken
-0x0047 NET_POLL_FAILED internal waiting for the socket failed
-0x0048 NET_LISTEN_FAILED busy_port listening failed
-0x0049 NET_BAD_INPUT_DATA misuse a network function got a wrong argument
-0x004A NET_ACCEPT_FAILED sockets a connection could not be accepted
-0x004C NET_RECV_FAILED reset reading from the socket failed | NET - Reading information from the socket failed
-0x004E NET_SEND_FAILED reset writing to the socket failed: the other side has closed
    | NET - Sending information through the socket failed
-0x0050 NET_CONN_RESET reset the other side reset the connection | NET - Connection was reset by peer
-0x0052 NET_UNKNOWN_HOST dns the host name could not be resolved
    | NET - Failed to get an IP address for the given hostname
-0x0054 CHACHAPOLY_BAD_STATE misuse ChaCha20-Poly1305 was used in the wrong order
-0x0056 CHACHAPOLY_AUTH_FAILED corrupted data under ChaCha20-Poly1305 was altered, or the key is another
-0x0057 POLY1305_BAD_INPUT_DATA misuse Poly1305 got a wrong argument
-0x0020 AES_INVALID_KEY_LENGTH misuse the AES key has a length that does not exist
-0x0021 AES_BAD_INPUT_DATA misuse AES got a wrong argument
-0x0022 AES_INVALID_INPUT_LENGTH misuse the data has a length that AES cannot take
-0x0051 CHACHA20_BAD_INPUT_DATA misuse ChaCha20 got a wrong argument
-0x0073 SHA1_BAD_INPUT_DATA misuse SHA-1 got a wrong argument
-0x0074 SHA256_BAD_INPUT_DATA misuse SHA-256 got a wrong argument
-0x0075 SHA512_BAD_INPUT_DATA misuse SHA-512 got a wrong argument
-0x0060 ASN1_OUT_OF_DATA pem the data ends too early | ASN1 - Out of data when parsing an ASN1 data structure
-0x0062 ASN1_UNEXPECTED_TAG pem another kind of field stands there than is wanted
    | ASN1 - ASN1 tag was of an unexpected value
-0x0064 ASN1_INVALID_LENGTH pem a length is wrong | ASN1 - Error when trying to determine the length or invalid length
-0x0066 ASN1_LENGTH_MISMATCH pem a length is not the one that was expected
-0x0068 ASN1_INVALID_DATA pem a value is not valid
-0x006A ASN1_ALLOC_FAILED memory there was no memory for reading ASN.1
-0x006C ASN1_BUF_TOO_SMALL misuse the buffer for ASN.1 is too small
-0x006E ERROR_CORRUPTION_DETECTED internal the library found its own data altered
-0x0070 PLATFORM_HW_ACCEL_FAILED hardware an accelerator failed
-0x0072 PLATFORM_FEATURE_UNSUPPORTED not_built the platform does not offer this
"""

_LOW_OLD = """
-0x0011 CCM_HW_ACCEL_FAILED hardware the accelerator failed for CCM
-0x0013 GCM_HW_ACCEL_FAILED hardware the accelerator failed for GCM
-0x0023 AES_FEATURE_UNAVAILABLE not_built the AES mode was not built in
-0x0025 AES_HW_ACCEL_FAILED hardware the accelerator failed for AES
-0x0035 SHA1_HW_ACCEL_FAILED hardware the accelerator failed for SHA-1
-0x0037 SHA256_HW_ACCEL_FAILED hardware the accelerator failed for SHA-256
-0x0039 SHA512_HW_ACCEL_FAILED hardware the accelerator failed for SHA-512
-0x0053 CHACHA20_FEATURE_UNAVAILABLE not_built ChaCha20 was not built in
-0x0055 CHACHA20_HW_ACCEL_FAILED hardware the accelerator failed for ChaCha20
-0x0059 POLY1305_FEATURE_UNAVAILABLE not_built Poly1305 was not built in
-0x005B POLY1305_HW_ACCEL_FAILED hardware the accelerator failed for Poly1305
-0x3500 DHM_HW_ACCEL_FAILED hardware the accelerator failed for Diffie-Hellman
-0x4500 RSA_UNSUPPORTED_OPERATION not_built the RSA key cannot do this
-0x4580 RSA_HW_ACCEL_FAILED hardware the accelerator failed for RSA
-0x4B80 ECP_HW_ACCEL_FAILED hardware the accelerator failed for EC
-0x5280 MD_HW_ACCEL_FAILED hardware the accelerator failed for a hash
-0x6400 CIPHER_HW_ACCEL_FAILED hardware the accelerator failed for a cipher
"""

_PSA = """
-132 GENERIC_ERROR internal an error that is not named
-133 NOT_PERMITTED misuse the key may not be used for this
-134 NOT_SUPPORTED not_built the algorithm or key is not known, or was not built in
-135 INVALID_ARGUMENT misuse a function got a wrong argument
-136 INVALID_HANDLE misuse the key's handle is not valid
-137 BAD_STATE misuse psa_crypto_init() was not called, or functions were called in the wrong order
-138 BUFFER_TOO_SMALL misuse the buffer for the result is too small
-139 ALREADY_EXISTS misuse a key of this number is there already
-140 DOES_NOT_EXIST misuse there is no key of this number
-141 INSUFFICIENT_MEMORY memory there was no memory
-142 INSUFFICIENT_STORAGE memory the storage for keys is full
-143 INSUFFICIENT_DATA misuse there is not enough data
-145 COMMUNICATION_FAILURE hardware the secure element did not answer
-146 STORAGE_FAILURE hardware the storage for keys failed
-147 HARDWARE_FAILURE hardware the hardware failed
-148 INSUFFICIENT_ENTROPY random there is not enough randomness
-149 INVALID_SIGNATURE untrusted a signature is wrong
-150 INVALID_PADDING corrupted the padding of decrypted data is wrong
-151 CORRUPTION_DETECTED internal the library found its own data altered
-152 DATA_CORRUPT hardware the storage for keys holds damaged data
-153 DATA_INVALID hardware the storage for keys holds data that is not valid
"""

_FLAGS = """
0x000001 BADCERT_EXPIRED expired the certificate is past its last day
0x000002 BADCERT_REVOKED revoked the certificate was revoked
0x000004 BADCERT_CN_MISMATCH name the certificate does not carry the name that was dialled
    | The certificate Common Name (CN) does not match with the expected CN
0x000008 BADCERT_NOT_TRUSTED untrusted the certificate is not signed by an authority that is trusted here
    | The certificate is not correctly signed by the trusted CA
0x000010 BADCRL_NOT_TRUSTED crl the revocation list is not signed by the authority
0x000020 BADCRL_EXPIRED crl the revocation list is past its last day
0x000040 BADCERT_MISSING no_certificate no certificate was shown
0x000080 BADCERT_SKIP_VERIFY misuse the certificate was not checked at all: the mode of verification says so
0x000100 BADCERT_OTHER certificate another reason, given by a callback
0x000200 BADCERT_FUTURE clock the certificate is not valid yet | The certificate validity starts in the future
0x000400 BADCRL_FUTURE crl the revocation list is not valid yet
0x000800 BADCERT_KEY_USAGE purpose the key usage does not allow what the certificate is used for
0x001000 BADCERT_EXT_KEY_USAGE purpose the extended key usage (server, client) does not allow what the certificate
    is used for
0x002000 BADCERT_NS_CERT_TYPE purpose the old certificate type does not allow what the certificate is used for
0x004000 BADCERT_BAD_MD weak the certificate is signed with a hash that is not allowed here
0x008000 BADCERT_BAD_PK weak the certificate is signed with a kind of key that is not allowed here
0x010000 BADCERT_BAD_KEY weak the certificate's key is too short, or of a curve that is not allowed here
0x020000 BADCRL_BAD_MD crl the revocation list is signed with a hash that is not allowed here
0x040000 BADCRL_BAD_PK crl the revocation list is signed with a kind of key that is not allowed here
0x080000 BADCRL_BAD_KEY crl the revocation list is signed with a key that is too short
"""

ERRORS: tuple[Code, ...] = (
    *read_table("mbedtls", _PREFIX, _SSL + _X509 + _KEYS + _FORMATS + _LOW),
    *read_table("mbedtls", _PREFIX, _SSL_NEW, version=_NEW),
    *read_table("mbedtls", _PREFIX, _SSL_OLD + _LOW_OLD, version=_OLD),
)
"""MBEDTLS_ERR_*: of numbers that two generations share, the younger first."""

PSA: tuple[Code, ...] = read_table("psa", "PSA_ERROR_", _PSA)
"""PSA_ERROR_*: Mbed TLS 4 returns them in place of many of its own."""

FLAGS: tuple[Code, ...] = read_table("mbedtls-flags", "MBEDTLS_X509_", _FLAGS)
"""MBEDTLS_X509_BADCERT_*, MBEDTLS_X509_BADCRL_*: what mbedtls_ssl_get_verify_result() gives, one bit each."""


def parts(number: int) -> tuple[int, int]:
    """The high and the low part of an error number, both negative or 0."""
    return -(-number & HIGH), -(-number & LOW)
