/* Zephyr's store of credentials. */
#ifndef ZEPHYR_TLS_CREDENTIALS_H
#define ZEPHYR_TLS_CREDENTIALS_H

#include <stddef.h>

enum tls_credential_type {
    TLS_CREDENTIAL_NONE,
    TLS_CREDENTIAL_CA_CERTIFICATE,
#ifdef ZEPHYR_OLD
    TLS_CREDENTIAL_SERVER_CERTIFICATE,
#else
    TLS_CREDENTIAL_PUBLIC_CERTIFICATE,
#endif
    TLS_CREDENTIAL_PRIVATE_KEY
};

typedef int sec_tag_t;

int tls_credential_add(sec_tag_t tag, enum tls_credential_type type, const void *credential, size_t length);

#endif
