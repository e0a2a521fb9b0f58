#include "mbedtls/version.h"
#if MBEDTLS_GENERATION == 4
#error "Mbed TLS 4 has no public ctr_drbg.h"
#endif
#ifndef CTR_DRBG_H
#define CTR_DRBG_H
#include <stddef.h>
typedef struct { int unused; } mbedtls_ctr_drbg_context;
void mbedtls_ctr_drbg_init(mbedtls_ctr_drbg_context *context);
void mbedtls_ctr_drbg_free(mbedtls_ctr_drbg_context *context);
int mbedtls_ctr_drbg_random(void *context, unsigned char *output, size_t length);
int mbedtls_ctr_drbg_seed(mbedtls_ctr_drbg_context *context, int (*entropy)(void *, unsigned char *, size_t),
                          void *entropy_context, const unsigned char *custom, size_t length);
#endif
