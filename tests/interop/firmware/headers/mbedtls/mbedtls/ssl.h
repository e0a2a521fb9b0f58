#ifndef SSL_H
#define SSL_H
#include "mbedtls/pk.h"
#include "mbedtls/version.h"
#include "mbedtls/x509_crt.h"
#define MBEDTLS_SSL_IS_CLIENT 0
#define MBEDTLS_SSL_TRANSPORT_STREAM 0
#define MBEDTLS_SSL_PRESET_DEFAULT 0
#define MBEDTLS_SSL_VERIFY_REQUIRED 2
#define MBEDTLS_SSL_MAX_FRAG_LEN_512 1
#define MBEDTLS_SSL_MAX_FRAG_LEN_1024 2
#define MBEDTLS_SSL_MAX_FRAG_LEN_2048 3
#define MBEDTLS_SSL_MAX_FRAG_LEN_4096 4
typedef enum { MBEDTLS_SSL_VERSION_TLS1_2 = 0x0303, MBEDTLS_SSL_VERSION_TLS1_3 = 0x0304 } mbedtls_ssl_protocol_version;
typedef struct { int unused; } mbedtls_ssl_context;
typedef struct { int unused; } mbedtls_ssl_config;
void mbedtls_ssl_init(mbedtls_ssl_context *ssl);
void mbedtls_ssl_free(mbedtls_ssl_context *ssl);
int mbedtls_ssl_setup(mbedtls_ssl_context *ssl, const mbedtls_ssl_config *config);
int mbedtls_ssl_set_hostname(mbedtls_ssl_context *ssl, const char *name);
void mbedtls_ssl_config_init(mbedtls_ssl_config *config);
void mbedtls_ssl_config_free(mbedtls_ssl_config *config);
int mbedtls_ssl_config_defaults(mbedtls_ssl_config *config, int endpoint, int transport, int preset);
void mbedtls_ssl_conf_authmode(mbedtls_ssl_config *config, int mode);
void mbedtls_ssl_conf_ca_chain(mbedtls_ssl_config *config, mbedtls_x509_crt *chain, void *crl);
void mbedtls_ssl_conf_min_tls_version(mbedtls_ssl_config *config, mbedtls_ssl_protocol_version version);
int mbedtls_ssl_conf_max_frag_len(mbedtls_ssl_config *config, unsigned char code);
int mbedtls_ssl_conf_own_cert(mbedtls_ssl_config *config, mbedtls_x509_crt *certificate, mbedtls_pk_context *key);
#if MBEDTLS_GENERATION == 3
void mbedtls_ssl_conf_rng(mbedtls_ssl_config *config, int (*random)(void *, unsigned char *, size_t), void *context);
#endif
#endif
