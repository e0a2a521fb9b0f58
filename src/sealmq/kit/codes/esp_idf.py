"""ESP-IDF: esp_err_t of esp-tls and of the system, and what esp-mqtt tells.

Read from esp_tls_errors.h and esp_err.h of ESP-IDF 4.4; what came later says so. The last error of esp-tls says which
call failed; the number of Mbed TLS beside it says why.
"""

from __future__ import annotations

from sealmq.kit.codes.code import Code
from sealmq.kit.codes.table import read_table

_TABLE = """
-1 ESP_FAIL internal a call failed for a reason that is not named
0x101 ESP_ERR_NO_MEM memory there was no memory
0x102 ESP_ERR_INVALID_ARG misuse a function got a wrong argument
0x103 ESP_ERR_INVALID_STATE misuse a function was called in the wrong state
0x104 ESP_ERR_INVALID_SIZE misuse a size is wrong
0x105 ESP_ERR_NOT_FOUND misuse what was asked for is not there
0x106 ESP_ERR_NOT_SUPPORTED not_built this is not supported
0x107 ESP_ERR_TIMEOUT silent a time ran out
0x108 ESP_ERR_INVALID_RESPONSE broken the answer is not as it must be
0x109 ESP_ERR_INVALID_CRC corrupted a checksum is wrong
0x1102 ESP_ERR_NVS_NOT_FOUND file the key is not in the flash storage: certificate or key was not written there
0x7002 ESP_ERR_HTTP_CONNECT connect_failed the HTTP client could not connect
0x8001 ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME dns the host name could not be resolved | couldn't get hostname for
0x8002 ESP_ERR_ESP_TLS_CANNOT_CREATE_SOCKET sockets a socket could not be opened | Failed to create socket
0x8003 ESP_ERR_ESP_TLS_UNSUPPORTED_PROTOCOL_FAMILY not_built the address is of a family that was not built in, such
    as IPv6
0x8004 ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST refused the TCP connection failed | Failed to connnect to host
    | Failed to connect to host
0x8005 ESP_ERR_ESP_TLS_SOCKET_SETOPT_FAILED internal an option of the socket could not be set
0x8006 ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT silent the connection did not come up in time
    | Failed to open new connection in specified timeout
0x8007 ESP_ERR_ESP_TLS_SE_FAILED hardware the secure element failed
0x8008 ESP_ERR_ESP_TLS_TCP_CLOSED_FIN closed the other side closed the TCP connection
0x8010 ESP_ERR_MBEDTLS_CERT_PARTLY_OK pem of the certificates that were given, some could not be read
0x8011 ESP_ERR_MBEDTLS_CTR_DRBG_SEED_FAILED random the random generator could not be seeded
0x8012 ESP_ERR_MBEDTLS_SSL_SET_HOSTNAME_FAILED memory the host name could not be set
0x8013 ESP_ERR_MBEDTLS_SSL_CONFIG_DEFAULTS_FAILED memory the TLS configuration could not be made
0x8014 ESP_ERR_MBEDTLS_SSL_CONF_ALPN_PROTOCOLS_FAILED alpn the application protocols could not be set
0x8015 ESP_ERR_MBEDTLS_X509_CRT_PARSE_FAILED pem a certificate could not be read
0x8016 ESP_ERR_MBEDTLS_SSL_CONF_OWN_CERT_FAILED key_mismatch the device's certificate and key could not be set
0x8017 ESP_ERR_MBEDTLS_SSL_SETUP_FAILED memory TLS could not be set up
0x8018 ESP_ERR_MBEDTLS_SSL_WRITE_FAILED reset writing to the TLS connection failed
0x8019 ESP_ERR_MBEDTLS_PK_PARSE_KEY_FAILED pem the device's private key could not be read
0x801A ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED connect_failed the TLS handshake failed: the number of Mbed TLS in the
    same log says why
0x801B ESP_ERR_MBEDTLS_SSL_CONF_PSK_FAILED psk the pre-shared key could not be set
0x801C ESP_ERR_MBEDTLS_SSL_TICKET_SETUP_FAILED ticket session tickets could not be set up
0x8031 ESP_ERR_WOLFSSL_SSL_SET_HOSTNAME_FAILED name the host name could not be set
0x8032 ESP_ERR_WOLFSSL_SSL_CONF_ALPN_PROTOCOLS_FAILED alpn the application protocols could not be set
0x8033 ESP_ERR_WOLFSSL_CERT_VERIFY_SETUP_FAILED pem a certificate could not be read
0x8034 ESP_ERR_WOLFSSL_KEY_VERIFY_SETUP_FAILED pem the private key could not be read
0x8035 ESP_ERR_WOLFSSL_SSL_HANDSHAKE_FAILED connect_failed the TLS handshake failed: the number of wolfSSL in the
    same log says why
0x8036 ESP_ERR_WOLFSSL_CTX_SETUP_FAILED memory the TLS context could not be made
0x8037 ESP_ERR_WOLFSSL_SSL_SETUP_FAILED memory TLS could not be set up
0x8038 ESP_ERR_WOLFSSL_SSL_WRITE_FAILED reset writing to the TLS connection failed
"""

_LATER = """
0x801D ESP_ERR_MBEDTLS_SSL_READ_FAILED reset reading from the TLS connection failed
"""

_TEXTS = """
- NO_SERVER_VERIFICATION untrusted nothing was given by which the broker could be checked: no root, no bundle
    | No server verification option set in esp_tls_cfg_t structure
- MQTT_ERROR_TYPE_TCP_TRANSPORT connect_failed the transport (TCP or TLS) failed, before MQTT or below it
    | Error transport connect | Error transport_write | Writing didn't complete in specified timeout
- MQTT_ERROR_TYPE_CONNECTION_REFUSED not_authorized the broker answered CONNECT with a refusal: its return code
    says why
- MQTT_EVENT_DISCONNECTED lost the connection ended
- TRANSPORT_READ_EOF closed the other side closed the connection | transport_read(): EOF
    | tcp connection closed while reading
"""

CODES: tuple[Code, ...] = (
    *read_table("esp-idf", "", _TABLE),
    *read_table("esp-idf", "", _LATER, version="ESP-IDF 6"),
    *read_table("esp-idf", "", _TEXTS),
)
"""ESP_ERR_*, and what the log of esp-mqtt says."""
