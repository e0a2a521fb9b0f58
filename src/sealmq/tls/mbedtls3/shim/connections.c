/* Connections. */

#include "shim.h"

static int on_send(void *p, const unsigned char *data, size_t size)
{
    sq_connection *n = p;
    if (size > INT32_MAX || !buffer_append(&n->out, data, size)) {
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    n->out_total += size;
    if (!n->done) {
        alerts_look(n, data, size);
    }
    return (int) size;
}

static int on_receive(void *p, unsigned char *data, size_t size)
{
    sq_connection *n = p;
    size_t here = buffer_waiting(&n->in);
    if (here == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    size = size < here ? size : here;
    memcpy(data, n->in.data + n->in.start, size);
    n->in.start += size;
    if (n->in.start == n->in.end) {
        buffer_empty(&n->in);
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

static int is_name(const mbedtls_x509_buf *buf, const char *host)
{
    return buf->len == strlen(host) && strncasecmp((const char *) buf->p, host, buf->len) == 0;
}

/* The name itself, as a dNSName, or where there is no subjectAltName as the common name. */
static int says(const mbedtls_x509_crt *crt, const char *host)
{
    const mbedtls_x509_sequence *one;
    const mbedtls_x509_name *part;
    for (one = &crt->subject_alt_names; one != NULL && one->buf.p != NULL; one = one->next) {
        if ((one->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == MBEDTLS_X509_SAN_DNS_NAME && is_name(&one->buf, host)) {
            return 1;
        }
    }
    if (mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME)) {
        return 0;
    }
    for (part = &crt->subject; part != NULL; part = part->next) {
        if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &part->oid) == 0 && is_name(&part->val, host)) {
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
    n->shown = buffer_copy_of(crt->raw.p, crt->raw.len);
    n->shown_size = n->shown == NULL ? 0 : crt->raw.len;
    if (n->address_size != 0) {
        n->address_compared = 1;
        if (!carries(crt, n->address, n->address_size)) {
            *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
        }
    }
    if (n->short_host != NULL && !says(crt, n->short_host)) { /* the library takes *.com for x.com (RFC 9525 section 7.1) */
        *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
    }
    if (n->context->has_lists && !has_list(&n->context->lists, crt)) {
        n->no_list = (*flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) == 0;
        *flags |= MBEDTLS_X509_BADCERT_NOT_TRUSTED;
    }
    return 0;
}

int connection_identity(void *p, mbedtls_ssl_context *ssl, const unsigned char *identity, size_t size)
{
    sq_context *c = p;
    sq_connection *n = mbedtls_ssl_get_user_data_p(ssl);
    unsigned char key[MBEDTLS_PSK_MAX_LEN];
    int length = c->lookup(c->asked, identity, size, key, sizeof key);
    int rc = MBEDTLS_ERR_SSL_UNKNOWN_IDENTITY;

    if (length > 0 && (size_t) length <= sizeof key && mbedtls_ssl_set_hs_psk(ssl, key, (size_t) length) == 0) {
        free(n->identity);
        n->identity = buffer_copy_of(identity, size);
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
        (void) buffer_append(b, two, 2);
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
    (void) buffer_append(&n->keys, (const unsigned char *) label, strlen(label));
    append_hex(&n->keys, client_random, 32);
    (void) buffer_append(&n->keys, (const unsigned char *) " ", 1);
    append_hex(&n->keys, secret, size);
    (void) buffer_append(&n->keys, (const unsigned char *) "\n", 1);
}

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
    guard_enter();
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
    if (rc == 0 && host != NULL && strchr(host, '.') != NULL && strchr(host, '.') == strrchr(host, '.')) {
        n->short_host = strdup(host);
        rc = n->short_host == NULL ? MBEDTLS_ERR_SSL_ALLOC_FAILED : 0;
    }
    if (rc != 0 || (!c->server && host == NULL && address_size == 0 && !c->uses_psk)) {
        mbedtls_ssl_free(&n->ssl);
        free(n->short_host);
        free(n);
        guard_leave();
        return NULL;
    }
    c->holders++;
    mbedtls_ssl_set_user_data_p(&n->ssl, n);
    mbedtls_ssl_set_bio(&n->ssl, n, on_send, on_receive, NULL);
    mbedtls_ssl_set_verify(&n->ssl, on_verify, n);
    if (logs_keys) {
        mbedtls_ssl_set_export_keys_cb(&n->ssl, on_secret, n);
    }
    guard_leave();
    return n;
}

API void sq_connection_free(sq_connection *n)
{
    store *s = n->context->sessions;
    guard_enter();
    if (s != NULL && (n->failed || !(n->goodbye || n->kept))) {
        for (size_t at = 0; at < n->names_count; at++) {
            sessions_forget(s, n->names[at]);
        }
        if (n->done && n->came) {
            sessions_forget(s, n->came_with);
        }
    }
    mbedtls_ssl_free(&n->ssl);
    if (n->keys.data != NULL) {
        mbedtls_platform_zeroize(n->keys.data, n->keys.room);
    }
    buffer_empty(&n->in);
    buffer_empty(&n->out);
    buffer_empty(&n->keys);
    free(n->shown);
    free(n->proved);
    free(n->short_host);
    free(n->identity);
    context_let_go(n->context);
    free(n);
    guard_leave();
}

/* A client's session of before. Not 0: there is nothing to resume with, and the handshake will be a full one. */
API int sq_resume(sq_connection *n, const unsigned char *session, size_t size)
{
    mbedtls_ssl_session loaded;
    int rc;
    guard_enter();
    mbedtls_ssl_session_init(&loaded);
    rc = mbedtls_ssl_session_load(&loaded, session, size);
    if (rc == 0) {
        rc = mbedtls_ssl_set_session(&n->ssl, &loaded);
        n->offered = rc == 0;
    }
    mbedtls_ssl_session_free(&loaded);
    guard_leave();
    return rc;
}

API int sq_feed(sq_connection *n, const unsigned char *data, size_t size)
{
    if (buffer_waiting(&n->in) + size > MOST_FED || !buffer_append(&n->in, data, size)) {
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    return 0;
}

/* What is to be sent, until `sq_taken`. */
API size_t sq_waiting(const sq_connection *n, const unsigned char **data)
{
    *data = n->out.data == NULL ? NULL : n->out.data + n->out.start;
    return buffer_waiting(&n->out);
}

API void sq_taken(sq_connection *n)
{
    buffer_empty(&n->out);
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
    if (c->server && !c->certificates) {
        return 1;
    }
    if (resumed) { /* for whom a client's session is, Python has compared */
        return c->server ? n->proved_size != 0 : n->offered;
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
        sessions_forget(c->sessions, n->came_with); /* once: whoever sees it used knows no device by it again */
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
    guard_enter();
    n->context->at_work = n;
    while (n->ssl.state != MBEDTLS_SSL_HANDSHAKE_OVER) { /* the states of tickets are behind it */
        size_t here = buffer_waiting(&n->in);
        uint64_t said = n->out_total;
        int state = n->ssl.state;
        int listens = n->context->server && alerts_only(&n->ssl);
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
            if (buffer_waiting(&n->in) == here && n->ssl.state == state) {
                break;
            }
        } else if (rc != 0) {
            rc = alerts_fail(n, rc, said);
            alerts_say_properly(n, listens);
            break;
        }
    }
    if (rc == 0 && !n->done && n->ssl.state == MBEDTLS_SSL_HANDSHAKE_OVER) {
        uint64_t said = n->out_total;
        rc = finish(n);
        if (rc < 0) {
            rc = alerts_fail(n, rc, said);
        }
    }
    n->context->at_work = NULL;
    guard_leave();
    return rc;
}

/* The plaintext of the next record, at most `room` bytes. 0: more must come. */
API int sq_read(sq_connection *n, unsigned char *data, size_t room)
{
    uint64_t said = n->out_total;
    int rc;
    guard_enter();
    for (;;) {
        size_t here = buffer_waiting(&n->in);
        rc = mbedtls_ssl_read(&n->ssl, data, room);
        if (rc == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
            n->has_ticket = 1;
        } else if (rc == 0 || rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE) {
            rc = 0;
            if (buffer_waiting(&n->in) == here) {
                break;
            }
        } else {
            if (rc < 0 && rc != MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
                rc = alerts_fail(n, rc, said);
            }
            break;
        }
    }
    guard_leave();
    return rc;
}

/* All of it; in several records when the peer has asked for small ones (RFC 6066 section 4). */
API int sq_write(sq_connection *n, const unsigned char *data, size_t size)
{
    uint64_t said = n->out_total;
    int rc = 0;
    guard_enter();
    while (size != 0) {
        rc = mbedtls_ssl_write(&n->ssl, data, size);
        if (rc <= 0) {
            rc = alerts_fail(n, rc == 0 ? MBEDTLS_ERR_SSL_INTERNAL_ERROR : rc, said);
            break;
        }
        data += rc;
        size -= (size_t) rc;
        rc = 0;
    }
    guard_leave();
    return rc;
}

API void sq_goodbye(sq_connection *n)
{
    guard_enter();
    if (mbedtls_ssl_close_notify(&n->ssl) == 0) {
        n->goodbye = 1;
    }
    guard_leave();
}

API void sq_keep(sq_connection *n)
{
    n->kept = 1;
}

/* An alert that the library has not sent for its failure. */
API void sq_alert(sq_connection *n, int number)
{
    guard_enter();
    if (mbedtls_ssl_send_alert_message(&n->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, (unsigned char) number) == 0) {
        n->alert_sent = number;
    }
    guard_leave();
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
    guard_enter();
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
    guard_leave();
    return size;
}

/* The lines of the key log; what was there before is gone. */
API size_t sq_keys(sq_connection *n, unsigned char *data, size_t room)
{
    size_t size = buffer_waiting(&n->keys);
    if (size == 0 || size > room) {
        return size;
    }
    memcpy(data, n->keys.data + n->keys.start, size);
    mbedtls_platform_zeroize(n->keys.data, n->keys.room);
    buffer_empty(&n->keys);
    return size;
}
