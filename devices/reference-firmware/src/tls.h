/*
 * TLS as this device uses it: a configuration from credentials, and why a connection failed, in words.
 *
 * The configuration itself is the bundle's (tls_setup.c), which verifies the broker and its name.
 */
#ifndef TLS_H
#define TLS_H

#include <stdint.h>

#include "lwip/altcp_tls.h"
#include "mbedtls/ssl.h"

/* What is compiled in, for the first line of the log. */
extern const char tls_versions[];

/* Once, before anything else of TLS. */
void tls_init(void);

/* Built-in credentials (a slot of -1, credentials.h), or those of a slot. NULL: said why. Frees the one before. */
struct altcp_tls_config *tls_use(int slot);

/* Before a connection: forgets what the last one had to say. */
void tls_start(void);

/* Between mqtt_client_connect() and the handshake: offers to resume the last session, if there is one to resume. */
void tls_offer_session(mbedtls_ssl_context *ssl);

/* After the handshake: keeps its session, and returns whether it was itself a resumed one. */
int tls_keep_session(const mbedtls_ssl_context *ssl);

/* Whether the last connection failed in TLS, rather than before it or after it. */
int tls_failed(void);

/* Says why, and what to type next. `host`: the name that we asked for. */
void tls_explain(const char *host);

/* When the certificate in use is to be renewed, in Unix seconds. */
int64_t tls_renewal_time(void);

/* The random generator of the configuration in use, as Mbed TLS's functions take it. */
int tls_random(void *unused, unsigned char *out, size_t length);

/* Says what failed with this code of Mbed TLS, and what to type next. */
void tls_say(const char *doing, int code);

#endif /* TLS_H */
