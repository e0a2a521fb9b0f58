/* SealMQ's interface to Mbed TLS 3.6: one TLS connection in memory, and what the connections of a context share.
 *
 * Rule 1: Python sees two opaque things, a context and a connection, and none of Mbed TLS's structures. Whoever lets
 *         go of a context before its connections does no harm: they hold it (`holders`).
 * Rule 2: bytes go through two buffers here. Python is called back for one thing, the key that goes with a PSK
 *         identity, once in a handshake.
 * Rule 3: one call at a time (`guard`): Mbed TLS's key store and random generator belong to the whole process.
 * Rule 4: a ticket is 32 random bytes, the name of a session that is kept here: small for the device, and the session
 *         keeps the certificate that was proved, which a session of TLS 1.3 in Mbed TLS has not. At most `most` of them
 *         are kept, for `lifetime`; the oldest goes first. It is good for its own version of TLS alone: a session of TLS
 *         1.3 has no master secret, and Mbed TLS would resume it under TLS 1.2 with 48 zeros for one, which all know.
 * Rule 5: an alert goes out under the keys that the peer reads with (RFC 8446 section 5). Mbed TLS 3.6 sends those of
 *         its handshake of TLS 1.3 in the clear as a client, and under old keys as a server that looks at a client's
 *         certificate, where nobody can read why: `alerts_say_properly`. And it reads none in the clear: `heard_in_the_clear`.
 * Rule 6: whoever was resumed without that we know its certificate, or dialled an address without that it was compared,
 *         is no connection: the handshake fails, whatever the library says.
 */

#ifndef SEALMQ_SHIM_H
#define SEALMQ_SHIM_H

#define MBEDTLS_ALLOW_PRIVATE_ACCESS

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mbedtls/build_info.h"

#if MBEDTLS_VERSION_NUMBER < 0x03060300 || MBEDTLS_VERSION_NUMBER >= 0x03070000
#error "SealMQ needs Mbed TLS 3.6, 3.6.3 or newer"
#endif

#if !defined(MBEDTLS_SSL_PROTO_TLS1_2) || !defined(MBEDTLS_SSL_PROTO_TLS1_3) || !defined(MBEDTLS_SSL_CLI_C) || \
    !defined(MBEDTLS_SSL_SRV_C) || !defined(MBEDTLS_SSL_SESSION_TICKETS) || \
    !defined(MBEDTLS_SSL_KEEP_PEER_CERTIFICATE) || !defined(MBEDTLS_SSL_SERVER_NAME_INDICATION) || \
    !defined(MBEDTLS_HAVE_TIME_DATE) || !defined(MBEDTLS_X509_CRL_PARSE_C) || !defined(MBEDTLS_PEM_PARSE_C) || \
    !defined(MBEDTLS_ERROR_C) || !defined(MBEDTLS_VERSION_C) || \
    !defined(MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED) || \
    !defined(MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED) || defined(MBEDTLS_USE_PSA_CRYPTO)
#error "this Mbed TLS was configured without something that SealMQ needs"
#endif

#include "mbedtls/constant_time.h"
#include "mbedtls/error.h"
#include "mbedtls/oid.h"
#include "mbedtls/platform_util.h"
#include "mbedtls/psa_util.h"
#include "mbedtls/ssl.h"
#include "mbedtls/version.h"
#include "mbedtls/x509_crl.h"
#include "mbedtls/x509_crt.h"
#include "psa/crypto.h"

#define API __attribute__((visibility("default")))
#define ABI 3
#define TICKET_BYTES 32
#define TICKETS_OF_ONE 9     /* those that a connection was given, and the one that it came with */
#define BUCKETS 4096
#define MOST_FED (64 * 1024) /* ciphertext that may wait; Python gives 16 KiB at once, and the library takes it */
#define MOST_SUITES 32
#define GROUPS 4
#define NOTHING (-1)

/* -- guard.c: one call at a time ------------------------------------------------------------------------------------- */

void guard_enter(void);
void guard_leave(void);

/* -- buffers.c: bytes that wait --------------------------------------------------------------------------------------- */

typedef struct {
    unsigned char *data;
    size_t start, end, room;
} buffer;


size_t buffer_waiting(const buffer *b);
int buffer_append(buffer *b, const unsigned char *data, size_t size); /* 0: no memory */
void buffer_empty(buffer *b);
unsigned char *buffer_copy_of(const unsigned char *data, size_t size); /* NULL: no memory */

/* -- sessions.c: sessions that can be resumed -------------------------------------------------------------------------- */

typedef struct kept {
    unsigned char name[TICKET_BYTES];
    struct kept *in_bucket;
    struct kept *older, *newer;
    mbedtls_ms_time_t born;
    mbedtls_ssl_protocol_version version;
    size_t session_size, peer_size;
    unsigned char data[]; /* the session as Mbed TLS writes it down, then the peer's certificate */
} kept;

typedef struct {
    kept *buckets[BUCKETS];
    kept *oldest, *newest;
    size_t count, most;
    uint32_t lifetime; /* seconds */
} store;


void sessions_forget(store *s, const unsigned char *name);
int sessions_write(void *p, const mbedtls_ssl_session *session, unsigned char *start, const unsigned char *end,
                   size_t *size, uint32_t *lifetime);
int sessions_parse(void *p, mbedtls_ssl_session *session, unsigned char *ticket, size_t size);

/* -- contexts.c, connections.c ------------------------------------------------------------------------------------------- */

typedef int key_lookup(void *asked, const unsigned char *identity, size_t size, unsigned char *key, size_t room);

struct sq_connection;

typedef struct sq_context {
    mbedtls_ssl_config conf;
    mbedtls_x509_crt chain, anchors;
    mbedtls_x509_crl lists;
    mbedtls_pk_context key;
    int suites[MOST_SUITES + 1];
    uint16_t groups[GROUPS + 1];
    int server, certificates, has_lists, uses_psk, tickets;
    key_lookup *lookup;
    void *asked;
    store *sessions;
    struct sq_connection *at_work; /* whose handshake goes on: tickets come without a connection */
    size_t holders;
} sq_context;

typedef struct sq_connection {
    mbedtls_ssl_context ssl;
    sq_context *context;
    buffer in, out;
    uint64_t out_total;
    unsigned char address[16];
    size_t address_size;
    int address_compared;
    char *short_host; /* two labels: no wildcard may stand for it */
    int certificates_went; /* the handshake came by the server's certificate: it is a full one */
    int offered; /* a client has a session to resume */
    int done, failed, goodbye, kept;
    int alert_sent, alert_received, said_something, no_list, stranger;
    int has_ticket;
    unsigned char *shown, *proved, *identity;
    size_t shown_size, proved_size, identity_size;
    unsigned char names[TICKETS_OF_ONE][TICKET_BYTES];
    size_t names_count;
    unsigned char came_with[TICKET_BYTES];
    int came;
    int logs_keys;
    buffer keys;
} sq_connection;

void context_let_go(sq_context *c);
int connection_identity(void *p, mbedtls_ssl_context *ssl, const unsigned char *identity, size_t size);

/* -- alerts.c: those that were sent and heard ------------------------------------------------------------------------------ */

void alerts_look(sq_connection *n, const unsigned char *data, size_t size);
int alerts_only(const mbedtls_ssl_context *ssl);
void alerts_say_properly(sq_connection *n, int under_application_keys);
int alerts_fail(sq_connection *n, int rc, uint64_t said_before);

#endif
