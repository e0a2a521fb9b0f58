/*
 * By this file lwIP 2.2.1's altcp_tls_mbedtls.c, written for Mbed TLS 2, compiles unchanged against Mbed TLS 3.6: it is
 * the only one that includes it. And by it we hear why TLS failed: lwIP throws Mbed TLS's codes away, and tells an
 * application no more than "disconnected".
 */
#ifndef PORT_SSL_INTERNAL_H
#define PORT_SSL_INTERNAL_H

#include "mbedtls/ctr_drbg.h"
#include "mbedtls/pk.h"
#include "mbedtls/ssl.h"
#include "mbedtls/x509_crt.h"

#include "tls_codes.h"

#define MBEDTLS_SSL_MAX_CONTENT_LEN MBEDTLS_SSL_IN_CONTENT_LEN

/* In no public header of Mbed TLS 3, but still there. */
int mbedtls_ssl_flush_output(mbedtls_ssl_context *ssl);

/* It has another name now. */
#define mbedtls_ssl_get_max_frag_len(ssl) ((size_t) mbedtls_ssl_get_max_out_record_payload(ssl))

/* It takes a random source now; lwIP's own is a static of that file. */
#define mbedtls_pk_parse_key(key, data, length, password, password_length)                                   \
    tls_note("the private key", (mbedtls_pk_parse_key)(key, data, length, password, password_length,         \
                                                       mbedtls_ctr_drbg_random, &altcp_tls_entropy_rng->ctr_drbg))

/* The same calls, and their codes are kept. */
#define mbedtls_ctr_drbg_seed(drbg, entropy, context, custom, length) \
    tls_note("the random generator", (mbedtls_ctr_drbg_seed)(drbg, entropy, context, custom, length))
#define mbedtls_x509_crt_parse(chain, data, length) \
    tls_note("a certificate", (mbedtls_x509_crt_parse)(chain, data, length))
#define mbedtls_ssl_conf_own_cert(config, certificate, key) \
    tls_note_own(certificate, (mbedtls_ssl_conf_own_cert)(config, certificate, key))
#define mbedtls_ssl_setup(ssl, config) tls_note("memory for the connection", (mbedtls_ssl_setup)(ssl, config))
#define mbedtls_ssl_handshake(ssl) tls_note_of(ssl, "the handshake", (mbedtls_ssl_handshake)(ssl))
#define mbedtls_ssl_read(ssl, out, size) tls_read(ssl, out, size)
#define mbedtls_ssl_write(ssl, data, length) tls_note_of(ssl, "sending", (mbedtls_ssl_write)(ssl, data, length))

#endif /* PORT_SSL_INTERNAL_H */
