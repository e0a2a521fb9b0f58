/* See tls_setup.h. Host, roots and certificate come from mqtt_credentials.h. */
#include "tls_setup.h"

#include "mqtt_credentials.h"

/* Up to 2.2.0 the call had another name, and no index and no password. */
#if (CYCLONE_SSL_MAJOR_VERSION * 10000 + CYCLONE_SSL_MINOR_VERSION * 100 + CYCLONE_SSL_REV_NUMBER) <= 20200
#define TLS_LOAD(tls, key, length) \
    tlsAddCertificate(tls, MQTT_DEVICE_CERT_PEM, sizeof MQTT_DEVICE_CERT_PEM - 1, key, length)
#else
#define TLS_LOAD(tls, key, length) \
    tlsLoadCertificate(tls, 0, MQTT_DEVICE_CERT_PEM, sizeof MQTT_DEVICE_CERT_PEM - 1, key, length, NULL)
#endif

error_t tls_setup(TlsContext *tls, const char_t *key, size_t key_length)
{
    error_t error = tlsSetConnectionEnd(tls, TLS_CONNECTION_END_CLIENT);

    if (!error) {
        error = tlsSetVersion(tls, TLS_VERSION_1_2, TLS_VERSION_1_3);
    }
    if (!error) {
        /* Without it any certificate of this root would do. */
        error = tlsSetServerName(tls, MQTT_HOST);
    }
    if (!error) {
        /* Lengths leave the NUL out, unlike those of Mbed TLS. */
        error = tlsSetTrustedCaList(tls, MQTT_ROOT_CERT_PEM, sizeof MQTT_ROOT_CERT_PEM - 1);
    }
    if (!error) {
        error = TLS_LOAD(tls, key, key_length);
    }
    return error;
}
