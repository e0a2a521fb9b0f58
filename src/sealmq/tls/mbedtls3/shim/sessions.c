/* Sessions that a server keeps, under the names that its tickets are. */

#include "shim.h"

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

void sessions_forget(store *s, const unsigned char *name)
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

static void sessions_keep(store *s, kept *one)
{
    while (s->oldest != NULL && (s->count >= s->most || is_old(s, s->oldest, one->born))) {
        sessions_forget(s, s->oldest->name);
    }
    one->in_bucket = s->buckets[bucket_of(one->name)];
    s->buckets[bucket_of(one->name)] = one;
    one->older = s->newest;
    one->newer = NULL;
    *(s->newest ? &s->newest->newer : &s->oldest) = one;
    s->newest = one;
    s->count++;
}

int sessions_write(void *p, const mbedtls_ssl_session *session, unsigned char *start, const unsigned char *end,
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
    one->version = session->tls_version;
    sessions_keep(c->sessions, one);
    memcpy(n->names[n->names_count++], one->name, TICKET_BYTES);
    memcpy(start, one->name, TICKET_BYTES);
    *size = TICKET_BYTES;
    *lifetime = c->sessions->lifetime;
    return 0;
}

int sessions_parse(void *p, mbedtls_ssl_session *session, unsigned char *ticket, size_t size)
{
    sq_context *c = p;
    sq_connection *n = c->at_work;
    kept *one;
    int rc;

    if (n == NULL || size != TICKET_BYTES || (one = *place_of(c->sessions, ticket)) == NULL) {
        return MBEDTLS_ERR_SSL_INVALID_MAC;
    }
    if (is_old(c->sessions, one, mbedtls_ms_time())) {
        sessions_forget(c->sessions, ticket);
        return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
    }
    if (one->version != n->ssl.tls_version) { /* rule 4; what is spoken is settled before tickets are looked at */
        return MBEDTLS_ERR_SSL_INVALID_MAC;
    }
    rc = mbedtls_ssl_session_load(session, one->data, one->session_size);
    if (rc != 0) {
        return rc;
    }
    free(n->proved);
    n->proved = buffer_copy_of(one->data + one->session_size, one->peer_size);
    n->proved_size = n->proved == NULL ? 0 : one->peer_size;
    memcpy(n->came_with, ticket, TICKET_BYTES);
    n->came = 1;
    return 0;
}
