#ifndef X509_CRT_H
#define X509_CRT_H
#include <stddef.h>
typedef struct { int unused; } mbedtls_x509_crt;
void mbedtls_x509_crt_init(mbedtls_x509_crt *certificate);
void mbedtls_x509_crt_free(mbedtls_x509_crt *certificate);
int mbedtls_x509_crt_parse_der_nocopy(mbedtls_x509_crt *chain, const unsigned char *der, size_t length);
#endif
