/* SealMQ's interface to Mbed TLS 3.6: one TLS connection in memory, and what the connections of a context share.
 *
 * Rule 1: Python sees two opaque things, a context and a connection, and none of Mbed TLS's structures. Whoever lets
 *         go of a context before its connections does no harm: they hold it (`holders`).
 * Rule 2: bytes go through two buffers here. Python is called back for one thing, the key that goes with a PSK
 *         identity, once in a handshake.
 * Rule 3: one call at a time (`guard`): Mbed TLS's key store and random generator belong to the whole process.
 * Rule 4: a ticket is 32 random bytes, the name of a session that is kept here: small for the device, and the session
 *         keeps the certificate that was proved, which a session of TLS 1.3 in Mbed TLS has not. At most `most` of them
 *         are kept, for `lifetime`; the oldest goes first.
 * Rule 5: an alert goes out under the keys that the peer reads with (RFC 8446 section 5). Mbed TLS 3.6 sends those of
 *         its handshake of TLS 1.3 in the clear as a client, and under old keys as a server that looks at a client's
 *         certificate, where nobody can read why: `say_properly`. And it reads none in the clear: `heard_in_the_clear`.
 * Rule 6: whoever was resumed without that we know its certificate, or dialled an address without that it was compared,
 *         is no connection: the handshake fails, whatever the library says.
 */

#define MBEDTLS_ALLOW_PRIVATE_ACCESS

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
#include "mbedtls/platform_util.h"
#include "mbedtls/psa_util.h"
#include "mbedtls/ssl.h"
#include "mbedtls/version.h"
#include "mbedtls/x509_crl.h"
#include "mbedtls/x509_crt.h"
#include "psa/crypto.h"

#define API __attribute__((visibility("default")))
#define ABI 1
#define TICKET_BYTES 32
#define TICKETS_OF_ONE 9     /* those that a connection was given, and the one that it came with */
#define BUCKETS 4096
#define MOST_FED (64 * 1024) /* ciphertext that may wait; Python gives 16 KiB at once, and the library takes it */
#define MOST_SUITES 32
#define GROUPS 4
#define NOTHING (-1)

static pthread_mutex_t guard;
static pthread_once_t guard_made = PTHREAD_ONCE_INIT;

static void make_guard(void)
{
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE); /* Python frees things while it looks up a key */
    pthread_mutex_init(&guard, &kind);
    pthread_mutexattr_destroy(&kind);
}

static void enter(void)
{
    pthread_once(&guard_made, make_guard);
    pthread_mutex_lock(&guard);
}

static void leave(void)
{
    pthread_mutex_unlock(&guard);
}

/* -- bytes that wait ----------------------------------------------------------------------------------------------- */

typedef struct {
    unsigned char *data;
    size_t start, end, room;
} buffer;

static size_t waiting(const buffer *b)
{
    return b->end - b->start;
}

static int append(buffer *b, const unsigned char *data, size_t size)
{
    if (b->start == b->end) {
        b->start = b->end = 0;
    }
    if (size > b->room - b->end) {
        size_t room = 2 * (waiting(b) + size);
        unsigned char *larger = malloc(room);
        if (larger == NULL) {
            return 0;
        }
        if (b->data != NULL) {
            memcpy(larger, b->data + b->start, waiting(b));
            free(b->data);
        }
        b->end -= b->start;
        b->start = 0;
        b->data = larger;
        b->room = room;
    }
    if (size != 0) {
        memcpy(b->data + b->end, data, size);
    }
    b->end += size;
    return 1;
}

static void empty(buffer *b)
{
    free(b->data);
    memset(b, 0, sizeof *b);
}

static unsigned char *copy_of(const unsigned char *data, size_t size)
{
    unsigned char *copy = malloc(size ? size : 1);
    if (copy != NULL && size != 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

/* -- sessions that can be resumed ----------------------------------------------------------------------------------- */

typedef struct kept {
    unsigned char name[TICKET_BYTES];
    struct kept *in_bucket;
    struct kept *older, *newer;
    mbedtls_ms_time_t born;
    size_t session_size, peer_size;
    unsigned char data[]; /* the session as Mbed TLS writes it down, then the peer's certificate */
} kept;

typedef struct {
    kept *buckets[BUCKETS];
    kept *oldest, *newest;
    size_t count, most;
    uint32_t lifetime; /* seconds */
} store;

static size_t bucket_of(const unsigned char *name)
{
    return ((size_t) name[0] << 8 | name[1]) % BUCKETS;
}

static kept **place_of(store *s, const unsigned char *name)
{
    kept **at = &s->buckets[bucket_of(name)];
    while (*at != NULL && mbedtls_ct_memcmp((*at)->name, name, TICKET_BYTES) != 0) {
        at = &(*at)->in_bucket;
    }
    return at;
}

static void forget(store *s, const unsigned char *name)
{
    kept **at = place_of(s, name), *one = *at;
    if (one == NULL) {
        return;
    }
    *at = one->in_bucket;
    *(one->older ? &one->older->newer : &s->oldest) = one->newer;
    *(one->newer ? &one->newer->older : &s->newest) = one->older;
    s->count--;
    mbedtls_platform_zeroize(one, sizeof *one + one->session_size + one->peer_size);
    free(one);
}

static int is_old(const store *s, const kept *one, mbedtls_ms_time_t now)
{
    return now < one->born || now - one->born > (mbedtls_ms_time_t) s->lifetime * 1000;
}

static void keep(store *s, kept *one)
{
    while (s->oldest != NULL && (s->count >= s->most || is_old(s, s->oldest, one->born))) {
        forget(s, s->oldest->name);
    }
    one->in_bucket = s->buckets[bucket_of(one->name)];
    s->buckets[bucket_of(one->name)] = one;
    one->older = s->newest;
    one->newer = NULL;
    *(s->newest ? &s->newest->newer : &s->oldest) = one;
    s->newest = one;
    s->count++;
}

/* -- context and connection ------------------------------------------------------------------------------------------ */

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
    int certificates_went; /* the handshake came by the server's certificate: it is a full one */
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

static void let_go(sq_context *c)
{
    if (--c->holders != 0) {
        return;
    }
    mbedtls_ssl_config_free(&c->conf);
    mbedtls_x509_crt_free(&c->chain);
    mbedtls_x509_crt_free(&c->anchors);
    mbedtls_x509_crl_free(&c->lists);
    mbedtls_pk_free(&c->key);
    if (c->sessions != NULL) {
        while (c->sessions->oldest != NULL) {
            forget(c->sessions, c->sessions->oldest->name);
        }
        free(c->sessions);
    }
    free(c);
}

/* -- what Mbed TLS calls back ------------------------------------------------------------------------------------------ */

/* Alerts that go out in the clear: fatal, before there are keys. */
static void look_for_alert(sq_connection *n, const unsigned char *data, size_t size)
{
    while (size >= 5) {
        size_t length = (size_t) data[3] << 8 | data[4];
        if (length > size - 5) {
            return;
        }
        if (data[0] == MBEDTLS_SSL_MSG_ALERT && length == 2 && data[5] == MBEDTLS_SSL_ALERT_LEVEL_FATAL) {
            n->alert_sent = data[6];
        }
        data += 5 + length;
        size -= 5 + length;
    }
}

static int on_send(void *p, const unsigned char *data, size_t size)
{
    sq_connection *n = p;
    if (size > INT32_MAX || !append(&n->out, data, size)) {
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    n->out_total += size;
    if (!n->done) {
        look_for_alert(n, data, size);
    }
    return (int) size;
}

static int on_receive(void *p, unsigned char *data, size_t size)
{
    sq_connection *n = p;
    size_t here = waiting(&n->in);
    if (here == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    size = size < here ? size : here;
    memcpy(data, n->in.data + n->in.start, size);
    n->in.start += size;
    if (n->in.start == n->in.end) {
        empty(&n->in);
    }
    return (int) size;
}

static int carries(const mbedtls_x509_crt *crt, const unsigned char *address, size_t size)
{
    const mbedtls_x509_sequence *one;
    for (one = &crt->subject_alt_names; one != NULL && one->buf.p != NULL; one = one->next) {
        if ((one->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == MBEDTLS_X509_SAN_IP_ADDRESS && one->buf.len == size &&
            memcmp(one->buf.p, address, size) == 0) {
            return 1;
        }
    }
    return 0;
}

static int has_list(const mbedtls_x509_crl *lists, const mbedtls_x509_crt *crt)
{
    for (; lists != NULL && lists->version != 0; lists = lists->next) {
        if (lists->issuer_raw.len == crt->issuer_raw.len &&
            memcmp(lists->issuer_raw.p, crt->issuer_raw.p, crt->issuer_raw.len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Beside what the library checks of each certificate of a chain: the address, for which a name's way would put it into
 * the hello where RFC 6066 section 3 has no addresses; and that there is a list of whom the issuer has revoked. */
static int on_verify(void *p, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    sq_connection *n = p;
    if (depth != 0) {
        return 0;
    }
    free(n->shown);
    n->shown = copy_of(crt->raw.p, crt->raw.len);
    n->shown_size = n->shown == NULL ? 0 : crt->raw.len;
    if (n->address_size != 0) {
        n->address_compared = 1;
        if (!carries(crt, n->address, n->address_size)) {
            *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
        }
    }
    if (n->context->has_lists && !has_list(&n->context->lists, crt)) {
        n->no_list = (*flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) == 0;
        *flags |= MBEDTLS_X509_BADCERT_NOT_TRUSTED;
    }
    return 0;
}

static int on_ticket_write(void *p, const mbedtls_ssl_session *session, unsigned char *start, const unsigned char *end,
                           size_t *size, uint32_t *lifetime)
{
    sq_context *c = p;
    sq_connection *n = c->at_work;
    const unsigned char *peer = NULL;
    size_t session_size = 0, peer_size = 0;
    kept *one;

    *size = 0;
    *lifetime = 0;
    if (n == NULL || n->names_count == TICKETS_OF_ONE || end < start || (size_t) (end - start) < TICKET_BYTES) {
        return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
    }
    if (session->peer_cert != NULL) {
        peer = session->peer_cert->raw.p;
        peer_size = session->peer_cert->raw.len;
    } else if (n->proved != NULL) { /* resumed, and given a new ticket */
        peer = n->proved;
        peer_size = n->proved_size;
    }
    if (c->certificates && peer_size == 0) {
        return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    }
    (void) mbedtls_ssl_session_save(session, NULL, 0, &session_size);
    one = calloc(1, sizeof *one + session_size + peer_size);
    if (one == NULL) {
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    if (mbedtls_ssl_session_save(session, one->data, session_size, &one->session_size) != 0 ||
        mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, one->name, TICKET_BYTES) != 0) {
        mbedtls_platform_zeroize(one, sizeof *one + session_size + peer_size);
        free(one);
        return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    }
    one->peer_size = peer_size;
    if (peer_size != 0) {
        memcpy(one->data + one->session_size, peer, peer_size);
    }
    one->born = mbedtls_ms_time();
    keep(c->sessions, one);
    memcpy(n->names[n->names_count++], one->name, TICKET_BYTES);
    memcpy(start, one->name, TICKET_BYTES);
    *size = TICKET_BYTES;
    *lifetime = c->sessions->lifetime;
    return 0;
}

static int on_ticket_parse(void *p, mbedtls_ssl_session *session, unsigned char *ticket, size_t size)
{
    sq_context *c = p;
    sq_connection *n = c->at_work;
    kept *one;
    int rc;

    if (n == NULL || size != TICKET_BYTES || (one = *place_of(c->sessions, ticket)) == NULL) {
        return MBEDTLS_ERR_SSL_INVALID_MAC;
    }
    if (is_old(c->sessions, one, mbedtls_ms_time())) {
        forget(c->sessions, ticket);
        return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
    }
    rc = mbedtls_ssl_session_load(session, one->data, one->session_size);
    if (rc != 0) {
        return rc;
    }
    free(n->proved);
    n->proved = copy_of(one->data + one->session_size, one->peer_size);
    n->proved_size = n->proved == NULL ? 0 : one->peer_size;
    memcpy(n->came_with, ticket, TICKET_BYTES);
    n->came = 1;
    return 0;
}

static int on_identity(void *p, mbedtls_ssl_context *ssl, const unsigned char *identity, size_t size)
{
    sq_context *c = p;
    sq_connection *n = mbedtls_ssl_get_user_data_p(ssl);
    unsigned char key[MBEDTLS_PSK_MAX_LEN];
    int length = c->lookup(c->asked, identity, size, key, sizeof key);
    int rc = MBEDTLS_ERR_SSL_UNKNOWN_IDENTITY;

    if (length > 0 && (size_t) length <= sizeof key && mbedtls_ssl_set_hs_psk(ssl, key, (size_t) length) == 0) {
        free(n->identity);
        n->identity = copy_of(identity, size);
        n->identity_size = size;
        rc = n->identity == NULL ? MBEDTLS_ERR_SSL_ALLOC_FAILED : 0;
    }
    n->stranger |= rc != 0;
    mbedtls_platform_zeroize(key, sizeof key);
    return rc;
}

static void append_hex(buffer *b, const unsigned char *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t at = 0; at < size; at++) {
        unsigned char two[2] = {(unsigned char) digits[data[at] >> 4], (unsigned char) digits[data[at] & 15]};
        (void) append(b, two, 2);
    }
}

/* Lines of the NSS key log format, as Wireshark and `sealmq` read it. */
static void on_secret(void *p, mbedtls_ssl_key_export_type type, const unsigned char *secret, size_t size,
                      const unsigned char client_random[32], const unsigned char server_random[32],
                      mbedtls_tls_prf_types prf)
{
    sq_connection *n = p;
    const char *label;
    (void) server_random;
    (void) prf;
    switch (type) {
        case MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET: label = "CLIENT_RANDOM "; break;
        case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_HANDSHAKE_TRAFFIC_SECRET:
            label = "CLIENT_HANDSHAKE_TRAFFIC_SECRET ";
            break;
        case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_HANDSHAKE_TRAFFIC_SECRET:
            label = "SERVER_HANDSHAKE_TRAFFIC_SECRET ";
            break;
        case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET:
            label = "CLIENT_TRAFFIC_SECRET_0 ";
            break;
        case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET:
            label = "SERVER_TRAFFIC_SECRET_0 ";
            break;
        default: return;
    }
    (void) append(&n->keys, (const unsigned char *) label, strlen(label));
    append_hex(&n->keys, client_random, 32);
    (void) append(&n->keys, (const unsigned char *) " ", 1);
    append_hex(&n->keys, secret, size);
    (void) append(&n->keys, (const unsigned char *) "\n", 1);
}

/* -- the library --------------------------------------------------------------------------------------------------------- */

API int sq_abi(void)
{
    return ABI;
}

/* Of the library that is loaded, and of the headers that this was compiled with. */
API unsigned sq_version(void)
{
    return mbedtls_version_get_number();
}

API unsigned sq_compiled_version(void)
{
    return MBEDTLS_VERSION_NUMBER;
}

API int sq_longest_psk(void)
{
    return MBEDTLS_PSK_MAX_LEN;
}

API int sq_start(void)
{
    int rc;
    enter();
    rc = (int) psa_crypto_init();
    leave();
    return rc;
}

API int sq_suite(const char *name)
{
    return mbedtls_ssl_get_ciphersuite_id(name);
}

API void sq_error_text(int code, char *text, size_t room)
{
    mbedtls_strerror(code, text, room);
}

API void sq_verify_text(uint32_t flags, char *text, size_t room)
{
    if (mbedtls_x509_crt_verify_info(text, room, "", flags) < 0) {
        text[0] = 0;
    }
}

/* -- contexts ------------------------------------------------------------------------------------------------------------- */

/* lowest, highest: 0x0303 or 0x0304. NULL when there is no memory. */
API sq_context *sq_context_new(int server, int lowest, int highest)
{
    static const uint16_t groups[GROUPS + 1] = {
        MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
        MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
    sq_context *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    enter();
    c->holders = 1;
    c->server = server;
    mbedtls_ssl_config_init(&c->conf);
    mbedtls_x509_crt_init(&c->chain);
    mbedtls_x509_crt_init(&c->anchors);
    mbedtls_x509_crl_init(&c->lists);
    mbedtls_pk_init(&c->key);
    if (mbedtls_ssl_config_defaults(&c->conf, server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                    MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
        let_go(c);
        leave();
        return NULL;
    }
    mbedtls_ssl_conf_rng(&c->conf, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    mbedtls_ssl_conf_min_tls_version(&c->conf, (mbedtls_ssl_protocol_version) lowest);
    mbedtls_ssl_conf_max_tls_version(&c->conf, (mbedtls_ssl_protocol_version) highest);
    memcpy(c->groups, groups, sizeof groups);
    mbedtls_ssl_conf_groups(&c->conf, c->groups);
    /* Of a ticket too: with (EC)DHE, so that a stolen ticket opens no recording. */
    mbedtls_ssl_conf_tls13_key_exchange_modes(&c->conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ALL);
    mbedtls_ssl_conf_authmode(&c->conf, server ? MBEDTLS_SSL_VERIFY_NONE : MBEDTLS_SSL_VERIFY_REQUIRED);
    if (server) {
        mbedtls_ssl_conf_cert_req_ca_list(&c->conf, MBEDTLS_SSL_CERT_REQ_CA_LIST_DISABLED);
        mbedtls_ssl_conf_new_session_tickets(&c->conf, 0);
    } else {
        mbedtls_ssl_conf_session_tickets(&c->conf, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
        mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
            &c->conf, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
    }
#if defined(MBEDTLS_SSL_RENEGOTIATION)
    mbedtls_ssl_conf_renegotiation(&c->conf, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
#endif
    leave();
    return c;
}

API int sq_context_suites(sq_context *c, const int *suites, size_t count)
{
    if (count > MOST_SUITES) {
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    }
    memcpy(c->suites, suites, count * sizeof *suites);
    c->suites[count] = 0;
    mbedtls_ssl_conf_ciphersuites(&c->conf, c->suites);
    return 0;
}

/* PEM, each with its NUL, which counts. */
API int sq_context_own(sq_context *c, const unsigned char *chain, size_t chain_size, const unsigned char *key,
                       size_t key_size)
{
    int rc;
    enter();
    rc = mbedtls_x509_crt_parse(&c->chain, chain, chain_size);
    if (rc == 0) {
        rc = mbedtls_pk_parse_key(&c->key, key, key_size, NULL, 0, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    }
    if (rc == 0) {
        rc = mbedtls_pk_check_pair(&c->chain.pk, &c->key, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    }
    if (rc == 0) {
        rc = mbedtls_ssl_conf_own_cert(&c->conf, &c->chain, &c->key);
    }
    leave();
    return rc;
}

/* PEM with its NUL. 1: one of them is no authority. On a server, every client must then show a certificate. */
API int sq_context_anchors(sq_context *c, const unsigned char *pem, size_t size)
{
    const mbedtls_x509_crt *one;
    int rc;
    enter();
    rc = mbedtls_x509_crt_parse(&c->anchors, pem, size);
    for (one = &c->anchors; rc == 0 && one != NULL; one = one->next) {
        if (!one->ca_istrue) {
            rc = 1;
        }
    }
    if (rc == 0) {
        mbedtls_ssl_conf_ca_chain(&c->conf, &c->anchors, NULL);
        mbedtls_ssl_conf_authmode(&c->conf, MBEDTLS_SSL_VERIFY_REQUIRED);
        c->certificates = 1;
    }
    leave();
    return rc;
}

/* One list, DER; again for the next. */
API int sq_context_list(sq_context *c, const unsigned char *der, size_t size)
{
    int rc;
    enter();
    rc = mbedtls_x509_crl_parse_der(&c->lists, der, size);
    if (rc == 0) {
        c->has_lists = 1;
        mbedtls_ssl_conf_ca_chain(&c->conf, &c->anchors, &c->lists);
    }
    leave();
    return rc;
}

/* A client's key. It is then all that proves the two: no certificate is believed. */
API int sq_context_psk(sq_context *c, const unsigned char *identity, size_t identity_size, const unsigned char *key,
                       size_t key_size)
{
    int rc;
    enter();
    mbedtls_ssl_conf_tls13_key_exchange_modes(&c->conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL);
    mbedtls_ssl_conf_session_tickets(&c->conf, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
    c->uses_psk = 1;
    rc = mbedtls_ssl_conf_psk(&c->conf, key, key_size, identity, identity_size);
    leave();
    return rc;
}

/* A server's: `lookup` writes the key and returns its length, 0 for nobody. */
API void sq_context_lookup(sq_context *c, key_lookup *lookup, void *asked)
{
    c->uses_psk = 1;
    c->lookup = lookup;
    c->asked = asked;
    mbedtls_ssl_conf_tls13_key_exchange_modes(&c->conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL);
    mbedtls_ssl_conf_psk_cb(&c->conf, on_identity, c);
}

/* A server's tickets: `count` for each full handshake of TLS 1.3 (one in TLS 1.2), good for `lifetime` seconds. */
API int sq_context_tickets(sq_context *c, int count, uint32_t lifetime, size_t most)
{
    c->sessions = calloc(1, sizeof *c->sessions);
    if (c->sessions == NULL) {
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    c->sessions->most = most;
    c->sessions->lifetime = lifetime;
    mbedtls_ssl_conf_new_session_tickets(&c->conf, (uint16_t) count);
    mbedtls_ssl_conf_session_tickets_cb(&c->conf, on_ticket_write, on_ticket_parse, c);
    return 0;
}

API size_t sq_context_kept(const sq_context *c)
{
    return c->sessions == NULL ? 0 : c->sessions->count;
}

API void sq_context_free(sq_context *c)
{
    enter();
    let_go(c);
    leave();
}

/* -- connections ------------------------------------------------------------------------------------------------------------ */

/* host: what the certificate must carry; NULL for a server, for a PSK, and with an address (4 or 16 bytes). */
API sq_connection *sq_connection_new(sq_context *c, const char *host, const unsigned char *address, size_t address_size,
                                     int logs_keys)
{
    sq_connection *n = calloc(1, sizeof *n);
    int rc;
    if (n == NULL || address_size > sizeof n->address) {
        free(n);
        return NULL;
    }
    enter();
    n->context = c;
    n->alert_sent = n->alert_received = NOTHING;
    n->logs_keys = logs_keys;
    n->address_size = address_size;
    if (address_size != 0) {
        memcpy(n->address, address, address_size);
    }
    mbedtls_ssl_init(&n->ssl);
    rc = mbedtls_ssl_setup(&n->ssl, &c->conf);
    if (rc == 0 && !c->server) {
        rc = mbedtls_ssl_set_hostname(&n->ssl, host);
    }
    if (rc != 0 || (!c->server && host == NULL && address_size == 0 && !c->uses_psk)) {
        mbedtls_ssl_free(&n->ssl);
        free(n);
        leave();
        return NULL;
    }
    c->holders++;
    mbedtls_ssl_set_user_data_p(&n->ssl, n);
    mbedtls_ssl_set_bio(&n->ssl, n, on_send, on_receive, NULL);
    mbedtls_ssl_set_verify(&n->ssl, on_verify, n);
    if (logs_keys) {
        mbedtls_ssl_set_export_keys_cb(&n->ssl, on_secret, n);
    }
    leave();
    return n;
}

API void sq_connection_free(sq_connection *n)
{
    store *s = n->context->sessions;
    enter();
    if (s != NULL && (n->failed || !(n->goodbye || n->kept))) {
        for (size_t at = 0; at < n->names_count; at++) {
            forget(s, n->names[at]);
        }
        if (n->done && n->came) {
            forget(s, n->came_with);
        }
    }
    mbedtls_ssl_free(&n->ssl);
    if (n->keys.data != NULL) {
        mbedtls_platform_zeroize(n->keys.data, n->keys.room);
    }
    empty(&n->in);
    empty(&n->out);
    empty(&n->keys);
    free(n->shown);
    free(n->proved);
    free(n->identity);
    let_go(n->context);
    free(n);
    leave();
}

/* A client's session of before. Not 0: there is nothing to resume with, and the handshake will be a full one. */
API int sq_resume(sq_connection *n, const unsigned char *session, size_t size)
{
    mbedtls_ssl_session loaded;
    int rc;
    enter();
    mbedtls_ssl_session_init(&loaded);
    rc = mbedtls_ssl_session_load(&loaded, session, size);
    if (rc == 0) {
        rc = mbedtls_ssl_set_session(&n->ssl, &loaded);
    }
    mbedtls_ssl_session_free(&loaded);
    leave();
    return rc;
}

API int sq_feed(sq_connection *n, const unsigned char *data, size_t size)
{
    if (waiting(&n->in) + size > MOST_FED || !append(&n->in, data, size)) {
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    return 0;
}

/* What is to be sent, until `sq_taken`. */
API size_t sq_waiting(const sq_connection *n, const unsigned char **data)
{
    *data = n->out.data == NULL ? NULL : n->out.data + n->out.start;
    return waiting(&n->out);
}

API void sq_taken(sq_connection *n)
{
    empty(&n->out);
}

#define CLEAR_ALERT 7 /* bytes of a record with an alert that is not encrypted */

static int ends_in_clear_alert(const buffer *b)
{
    const unsigned char *record;
    if (waiting(b) < CLEAR_ALERT) {
        return 0;
    }
    record = b->data + b->end - CLEAR_ALERT;
    return record[0] == MBEDTLS_SSL_MSG_ALERT && record[3] == 0 && record[4] == 2;
}

/* Servers of TLS 1.3 have sent all that they say in a handshake, but for alerts. */
static int server_listens(const mbedtls_ssl_context *ssl)
{
    return ssl->tls_version == MBEDTLS_SSL_VERSION_TLS1_3 && ssl->transform_application != NULL &&
           (ssl->state == MBEDTLS_SSL_CLIENT_CERTIFICATE || ssl->state == MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY ||
            ssl->state == MBEDTLS_SSL_CLIENT_FINISHED);
}

/* Take back the alert that the library has just said in the clear, and say it again: under the keys for it, and with the
 * name that RFC 8446 has for it. */
static void say_properly(sq_connection *n, int under_application_keys)
{
    mbedtls_ssl_context *ssl = &n->ssl;
    int is_13 = ssl->tls_version == MBEDTLS_SSL_VERSION_TLS1_3;
    int alert = n->alert_sent;
    mbedtls_ssl_transform *keys = NULL;

    if (n->alert_received != NOTHING && ends_in_clear_alert(&n->out)) {
        n->out.end -= CLEAR_ALERT; /* nobody answers an alert */
        return;
    }
    if (is_13 && alert == MBEDTLS_SSL_ALERT_MSG_NO_CERT) {
        alert = 116; /* certificate_required */
    } else if (is_13 && n->stranger && alert == MBEDTLS_SSL_ALERT_MSG_MISSING_EXTENSION) {
        alert = MBEDTLS_SSL_ALERT_MSG_UNKNOWN_PSK_IDENTITY;
    }
    if (under_application_keys) {
        keys = ssl->transform_application;
    } else if (is_13 && !n->context->server && ssl->transform_out == NULL) {
        keys = ssl->transform_in; /* those of the handshake, both ways, once the ServerHello has come */
    }
    if (alert == NOTHING || !ends_in_clear_alert(&n->out) || (keys == NULL && alert == n->alert_sent)) {
        return;
    }
    n->out.end -= CLEAR_ALERT;
    if (keys != NULL) {
        ssl->transform_out = keys;
        memset(ssl->cur_out_ctr, 0, sizeof ssl->cur_out_ctr);
    }
    (void) mbedtls_ssl_send_alert_message(ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, (unsigned char) alert);
    n->alert_sent = alert;
}

/* An alert in the clear where an encrypted one was due: a client may have had no keys to say it with. The library takes
 * it for a record that was altered, and answers. It is believed as far as words go: the handshake is over either way. */
static int heard_in_the_clear(sq_connection *n, int rc)
{
    const unsigned char *record = n->ssl.in_hdr;
    if (n->done || rc != MBEDTLS_ERR_SSL_INVALID_MAC || n->ssl.tls_version != MBEDTLS_SSL_VERSION_TLS1_3 ||
        record == NULL || record[0] != MBEDTLS_SSL_MSG_ALERT || record[3] != 0 || record[4] != 2) {
        return 0;
    }
    n->alert_received = record[6];
    n->alert_sent = NOTHING;
    return 1;
}

static int fail(sq_connection *n, int rc, uint64_t said_before)
{
    const mbedtls_ssl_context *ssl = &n->ssl;
    n->failed = 1;
    n->said_something = n->out_total != said_before;
    if (heard_in_the_clear(n, rc)) {
        return MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE;
    }
    if (ssl->alert_reason == rc && ssl->alert_type != 0) { /* how TLS 1.3 sends its own */
        if (n->alert_sent == NOTHING) {
            n->alert_sent = ssl->alert_type;
        }
    } else if (rc == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
        n->alert_received = ssl->in_msg[1];
    }
    return rc;
}

/* Rule 6. */
static int is_proved(sq_connection *n)
{
    const sq_context *c = n->context;
    int resumed = !n->certificates_went;
    if (c->uses_psk) { /* TLS 1.2 passes by the server's certificate even so, and has none */
        return mbedtls_ssl_get_peer_cert(&n->ssl) == NULL && (!c->server || n->identity != NULL) &&
               (resumed || mbedtls_ssl_get_version_number(&n->ssl) == MBEDTLS_SSL_VERSION_TLS1_2);
    }
    if (c->server) {
        return !c->certificates || (resumed ? n->proved_size != 0 : mbedtls_ssl_get_peer_cert(&n->ssl) != NULL);
    }
    if (resumed) {
        return 1; /* Python compares for whom the session was */
    }
    return mbedtls_ssl_get_peer_cert(&n->ssl) != NULL && mbedtls_ssl_get_verify_result(&n->ssl) == 0 &&
           (n->address_size == 0 || n->address_compared);
}

static int finish(sq_connection *n)
{
    sq_context *c = n->context;
    if (!is_proved(n)) {
        (void) mbedtls_ssl_send_alert_message(&n->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                              MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR);
        return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    }
    n->done = 1;
    if (n->certificates_went || c->uses_psk) { /* a ticket was shown and not used, or none was */
        n->came = 0;
        free(n->proved);
        n->proved = NULL;
        n->proved_size = 0;
    } else if (c->server && mbedtls_ssl_get_version_number(&n->ssl) == MBEDTLS_SSL_VERSION_TLS1_3 && n->came) {
        forget(c->sessions, n->came_with); /* once: whoever sees it used knows no device by it again */
        n->came = 0;
    }
    free(n->shown);
    n->shown = NULL;
    n->shown_size = 0;
    return 1;
}

/* 1: done. 0: more must come. Else Mbed TLS's error; `sq_alerts` and `sq_verdict` know more. */
API int sq_shake(sq_connection *n)
{
    int rc = 0;
    enter();
    n->context->at_work = n;
    while (n->ssl.state != MBEDTLS_SSL_HANDSHAKE_OVER) { /* the states of tickets are behind it */
        size_t here = waiting(&n->in);
        uint64_t said = n->out_total;
        int state = n->ssl.state;
        int listens = n->context->server && server_listens(&n->ssl);
        mbedtls_ssl_transform *keys = n->ssl.transform_out;
        n->certificates_went |= state == MBEDTLS_SSL_SERVER_CERTIFICATE;
        if (listens) {
            n->ssl.transform_out = NULL; /* for alerts only; the step that ends the handshake comes later */
        }
        rc = mbedtls_ssl_handshake_step(&n->ssl);
        if (listens) {
            n->ssl.transform_out = keys;
        }
        if (rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE) {
            rc = 0;
            if (waiting(&n->in) == here && n->ssl.state == state) {
                break;
            }
        } else if (rc != 0) {
            rc = fail(n, rc, said);
            say_properly(n, listens);
            break;
        }
    }
    if (rc == 0 && !n->done && n->ssl.state == MBEDTLS_SSL_HANDSHAKE_OVER) {
        uint64_t said = n->out_total;
        rc = finish(n);
        if (rc < 0) {
            rc = fail(n, rc, said);
        }
    }
    n->context->at_work = NULL;
    leave();
    return rc;
}

/* The plaintext of the next record, at most `room` bytes. 0: more must come. */
API int sq_read(sq_connection *n, unsigned char *data, size_t room)
{
    uint64_t said = n->out_total;
    int rc;
    enter();
    for (;;) {
        size_t here = waiting(&n->in);
        rc = mbedtls_ssl_read(&n->ssl, data, room);
        if (rc == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
            n->has_ticket = 1;
        } else if (rc == 0 || rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE) {
            rc = 0;
            if (waiting(&n->in) == here) {
                break;
            }
        } else {
            if (rc < 0 && rc != MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
                rc = fail(n, rc, said);
            }
            break;
        }
    }
    leave();
    return rc;
}

/* All of it; in several records when the peer has asked for small ones (RFC 6066 section 4). */
API int sq_write(sq_connection *n, const unsigned char *data, size_t size)
{
    uint64_t said = n->out_total;
    int rc = 0;
    enter();
    while (size != 0) {
        rc = mbedtls_ssl_write(&n->ssl, data, size);
        if (rc <= 0) {
            rc = fail(n, rc == 0 ? MBEDTLS_ERR_SSL_INTERNAL_ERROR : rc, said);
            break;
        }
        data += rc;
        size -= (size_t) rc;
        rc = 0;
    }
    leave();
    return rc;
}

API void sq_goodbye(sq_connection *n)
{
    enter();
    if (mbedtls_ssl_close_notify(&n->ssl) == 0) {
        n->goodbye = 1;
    }
    leave();
}

API void sq_keep(sq_connection *n)
{
    n->kept = 1;
}

/* An alert that the library has not sent for its failure. */
API void sq_alert(sq_connection *n, int number)
{
    enter();
    if (mbedtls_ssl_send_alert_message(&n->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, (unsigned char) number) == 0) {
        n->alert_sent = number;
    }
    leave();
}

/* Numbers, -1 for none that is known. `said_something`: the last failure had something to be sent. */
API void sq_alerts(const sq_connection *n, int *sent, int *received, int *said_something)
{
    *sent = n->alert_sent;
    *received = n->alert_received;
    *said_something = n->said_something;
}

/* What was found wrong with the peer's certificate (MBEDTLS_X509_BADCERT_...); `no_list`: whom its issuer has revoked
 * is not known. */
API uint32_t sq_verdict(const sq_connection *n, int *no_list)
{
    uint32_t flags = mbedtls_ssl_get_verify_result(&n->ssl);
    *no_list = n->no_list;
    return flags == 0xFFFFFFFFu ? 0 : flags;
}

API int sq_protocol(const sq_connection *n)
{
    return (int) mbedtls_ssl_get_version_number(&n->ssl);
}

API const char *sq_cipher(const sq_connection *n)
{
    const char *name = mbedtls_ssl_get_ciphersuite(&n->ssl);
    return name == NULL ? "" : name;
}

API int sq_resumed(const sq_connection *n)
{
    return n->done && !n->certificates_went && !n->context->uses_psk;
}

/* DER of the certificate that the peer has proved. On a resumed client of TLS 1.3 there is none: the session's. */
API size_t sq_peer(const sq_connection *n, const unsigned char **der)
{
    const mbedtls_x509_crt *peer = n->done ? mbedtls_ssl_get_peer_cert(&n->ssl) : NULL;
    if (peer != NULL) {
        *der = peer->raw.p;
        return peer->raw.len;
    }
    *der = n->done ? n->proved : NULL;
    return n->done ? n->proved_size : 0;
}

/* DER of a certificate that was shown, and looked at, in a handshake that is not done. */
API size_t sq_shown(const sq_connection *n, const unsigned char **der)
{
    *der = n->shown;
    return n->shown_size;
}

API size_t sq_identity(const sq_connection *n, const unsigned char **identity)
{
    *identity = n->done ? n->identity : NULL;
    return n->done && n->identity != NULL ? n->identity_size : 0;
}

/* A client's session to resume with, written down; it holds secrets. Returns its size; 0 when there is none, or when it
 * was asked for before and no new ticket has come. */
API size_t sq_session(sq_connection *n, unsigned char *data, size_t room)
{
    mbedtls_ssl_session session;
    size_t size = 0;
    const mbedtls_ssl_session *now = n->ssl.session;

    if (!n->done || n->context->uses_psk || now == NULL) {
        return 0;
    }
    enter();
    mbedtls_ssl_session_init(&session);
    if (mbedtls_ssl_get_version_number(&n->ssl) == MBEDTLS_SSL_VERSION_TLS1_3
            ? n->has_ticket
            : now->ticket_len != 0 || now->id_len != 0) {
        if (mbedtls_ssl_get_session(&n->ssl, &session) == 0) {
            n->has_ticket = 0;
            if (mbedtls_ssl_session_save(&session, data, room, &size) != 0) {
                size = 0;
            }
        }
    }
    mbedtls_ssl_session_free(&session);
    leave();
    return size;
}

/* The lines of the key log; what was there before is gone. */
API size_t sq_keys(sq_connection *n, unsigned char *data, size_t room)
{
    size_t size = waiting(&n->keys);
    if (size == 0 || size > room) {
        return size;
    }
    memcpy(data, n->keys.data + n->keys.start, size);
    mbedtls_platform_zeroize(n->keys.data, n->keys.room);
    empty(&n->keys);
    return size;
}
