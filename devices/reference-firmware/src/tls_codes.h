/* Why TLS failed: what port/mbedtls/ssl_internal.h hears between lwIP and Mbed TLS, kept for tls.c to explain. */
#ifndef TLS_CODES_H
#define TLS_CODES_H

#include "mbedtls/ssl.h"

/* Keeps the code of a call, if it is a failure, and what was being done; returns it unchanged. */
int tls_note(const char *doing, int code);

/* The same for a connection, whose alert is kept too if the broker sent one. */
int tls_note_of(const mbedtls_ssl_context *ssl, const char *doing, int code);

/* mbedtls_ssl_read(), which lwIP knows nothing better to do with than to stop when a ticket comes. */
int tls_read(mbedtls_ssl_context *ssl, unsigned char *out, size_t size);

/* The same for the device's own certificate, which is looked at too. */
int tls_note_own(const mbedtls_x509_crt *certificate, int code);

#endif /* TLS_CODES_H */
