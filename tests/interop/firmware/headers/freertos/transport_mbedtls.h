/* coreMQTT's credentials for its transport over Mbed TLS. */
#ifndef TRANSPORT_MBEDTLS_H
#define TRANSPORT_MBEDTLS_H

#include <stddef.h>
#include <stdint.h>

typedef long BaseType_t;

typedef struct NetworkCredentials {
    const char **pAlpnProtos;
    BaseType_t disableSni;
    const uint8_t *pRootCa;
    size_t rootCaSize;
    const uint8_t *pClientCert;
    size_t clientCertSize;
    const uint8_t *pPrivateKey;
    size_t privateKeySize;
} NetworkCredentials_t;

#endif
