/* CycloneSSL's functions that the bundle calls: those of 2.2.0 or of 2.4.4, as CYCLONE_OLD says. */
#ifndef TLS_H
#define TLS_H

#include <stddef.h>
#include <stdint.h>

#define CYCLONE_SSL_MAJOR_VERSION 2
#ifdef CYCLONE_OLD
#define CYCLONE_SSL_MINOR_VERSION 2
#define CYCLONE_SSL_REV_NUMBER 0
#else
#define CYCLONE_SSL_MINOR_VERSION 4
#define CYCLONE_SSL_REV_NUMBER 4
#endif

typedef char char_t;
typedef unsigned int uint_t;
typedef struct TlsContext TlsContext;
typedef enum { NO_ERROR = 0, ERROR_FAILURE = 1 } error_t;
typedef enum { TLS_CONNECTION_END_CLIENT = 0, TLS_CONNECTION_END_SERVER = 1 } TlsConnectionEnd;

#define TLS_VERSION_1_2 0x0303
#define TLS_VERSION_1_3 0x0304

error_t tlsSetConnectionEnd(TlsContext *context, TlsConnectionEnd entity);
error_t tlsSetVersion(TlsContext *context, uint16_t lowest, uint16_t highest);
error_t tlsSetServerName(TlsContext *context, const char_t *name);
error_t tlsSetTrustedCaList(TlsContext *context, const char_t *list, size_t length);
#ifdef CYCLONE_OLD
error_t tlsAddCertificate(TlsContext *context, const char_t *chain, size_t chain_length, const char_t *key,
                          size_t key_length);
#else
error_t tlsLoadCertificate(TlsContext *context, uint_t index, const char_t *chain, size_t chain_length,
                           const char_t *key, size_t key_length, const char_t *password);
#endif

#endif
