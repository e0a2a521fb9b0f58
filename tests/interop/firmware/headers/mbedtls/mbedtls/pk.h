#ifndef PK_H
#define PK_H
#include <stddef.h>
#include "mbedtls/version.h"
typedef struct { int unused; } mbedtls_pk_context;
void mbedtls_pk_init(mbedtls_pk_context *context);
void mbedtls_pk_free(mbedtls_pk_context *context);
#if MBEDTLS_GENERATION == 3
int mbedtls_pk_parse_key(mbedtls_pk_context *context, const unsigned char *key, size_t key_length,
                         const unsigned char *password, size_t password_length,
                         int (*random)(void *, unsigned char *, size_t), void *random_context);
#else
int mbedtls_pk_parse_key(mbedtls_pk_context *context, const unsigned char *key, size_t key_length,
                         const unsigned char *password, size_t password_length);
#endif
#endif
