#include "mbedtls/version.h"
#if MBEDTLS_GENERATION == 4
#error "Mbed TLS 4 has no public entropy.h"
#endif
#ifndef ENTROPY_H
#define ENTROPY_H
#include <stddef.h>
typedef struct { int unused; } mbedtls_entropy_context;
void mbedtls_entropy_init(mbedtls_entropy_context *context);
void mbedtls_entropy_free(mbedtls_entropy_context *context);
int mbedtls_entropy_func(void *context, unsigned char *output, size_t length);
#endif
