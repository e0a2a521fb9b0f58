/*
 * TLS to the broker with Mbed TLS 2.x, 3.x or 4.x: the broker is verified, the device proves itself.
 *
 *     static struct tls_setup tls;
 *     int error = tls_setup(&tls, MQTT_PRIVATE_KEY_DER, sizeof MQTT_PRIVATE_KEY_DER);
 *     mbedtls_ssl_set_bio(&tls.ssl, &socket, send, receive, NULL);
 *     while ((error = mbedtls_ssl_handshake(&tls.ssl)) == MBEDTLS_ERR_SSL_WANT_READ
 *            || error == MBEDTLS_ERR_SSL_WANT_WRITE) { }
 */
#ifndef TLS_SETUP_H
#define TLS_SETUP_H

#include <stddef.h>

#include "mbedtls/pk.h"
#include "mbedtls/ssl.h"
#include "mbedtls/version.h"
#include "mbedtls/x509_crt.h"
#if MBEDTLS_VERSION_NUMBER < 0x04000000
#include "mbedtls/ctr_drbg.h"
#include "mbedtls/entropy.h"
#endif

/* All that one connection needs. Several connections may share all but `ssl`. */
struct tls_setup {
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_x509_crt roots;
    mbedtls_x509_crt certificate;
    mbedtls_pk_context key;
#if MBEDTLS_VERSION_NUMBER < 0x04000000
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
#endif
};

/* Everything before the handshake. `key` is DER or, with its NUL counted, PEM. Returns 0 or an error of Mbed TLS. */
int tls_setup(struct tls_setup *tls, const unsigned char *key, size_t key_length);

/* Gives all memory back, also after tls_setup has failed. */
void tls_free(struct tls_setup *tls);

#endif /* TLS_SETUP_H */
