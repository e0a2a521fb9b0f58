/*
 * TLS to the broker with wolfSSL: the broker is verified, the device proves itself.
 *
 *     WOLFSSL_CTX *context = tls_context(ecc_clikey_der_256, sizeof_ecc_clikey_der_256);
 *     WOLFSSL *tls = tls_connection(context);
 *     wolfSSL_set_fd(tls, socket);
 *     if (wolfSSL_connect(tls) != WOLFSSL_SUCCESS) { error = wolfSSL_get_error(tls, 0); }
 */
#ifndef TLS_SETUP_H
#define TLS_SETUP_H

#ifdef WOLFSSL_USER_SETTINGS
#include "user_settings.h"
#else
#include <wolfssl/options.h>
#endif
#include <wolfssl/ssl.h>

/* Whom to trust and who we are: once for all connections. `key` is DER. NULL when something can't be used. */
WOLFSSL_CTX *tls_context(const unsigned char *key, long key_length);

/* One connection, with the name that the broker must prove. NULL when there is no memory. */
WOLFSSL *tls_connection(WOLFSSL_CTX *context);

#endif /* TLS_SETUP_H */
