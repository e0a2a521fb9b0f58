/* Alerts: which were sent and heard, and under which keys they go out (rule 5). */

#include "shim.h"

/* Alerts that go out in the clear: fatal, before there are keys. */
void alerts_look(sq_connection *n, const unsigned char *data, size_t size)
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

#define CLEAR_ALERT 7 /* bytes of a record with an alert that is not encrypted */

static int ends_in_clear_alert(const buffer *b)
{
    const unsigned char *record;
    if (buffer_waiting(b) < CLEAR_ALERT) {
        return 0;
    }
    record = b->data + b->end - CLEAR_ALERT;
    return record[0] == MBEDTLS_SSL_MSG_ALERT && record[3] == 0 && record[4] == 2;
}

/* Servers of TLS 1.3 have sent all that they say in a handshake, but for alerts. */
int alerts_only(const mbedtls_ssl_context *ssl)
{
    return ssl->tls_version == MBEDTLS_SSL_VERSION_TLS1_3 && ssl->transform_application != NULL &&
           (ssl->state == MBEDTLS_SSL_CLIENT_CERTIFICATE || ssl->state == MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY ||
            ssl->state == MBEDTLS_SSL_CLIENT_FINISHED);
}

/* Take back the alert that the library has just said in the clear, and say it again: under the keys for it, and with the
 * name that RFC 8446 has for it. */
void alerts_say_properly(sq_connection *n, int under_application_keys)
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

int alerts_fail(sq_connection *n, int rc, uint64_t said_before)
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
