/* What connections share. */

#include "shim.h"

void context_let_go(sq_context *c)
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
            sessions_forget(c->sessions, c->sessions->oldest->name);
        }
        free(c->sessions);
    }
    free(c);
}

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
    guard_enter();
    c->holders = 1;
    c->server = server;
    mbedtls_ssl_config_init(&c->conf);
    mbedtls_x509_crt_init(&c->chain);
    mbedtls_x509_crt_init(&c->anchors);
    mbedtls_x509_crl_init(&c->lists);
    mbedtls_pk_init(&c->key);
    if (mbedtls_ssl_config_defaults(&c->conf, server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                    MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
        context_let_go(c);
        guard_leave();
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
    guard_leave();
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
    guard_enter();
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
    guard_leave();
    return rc;
}

/* PEM with its NUL. 1: one of them is no authority. On a server, every client must then show a certificate. */
API int sq_context_anchors(sq_context *c, const unsigned char *pem, size_t size)
{
    const mbedtls_x509_crt *one;
    int rc;
    guard_enter();
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
    guard_leave();
    return rc;
}

/* One list, DER; again for the next. */
API int sq_context_list(sq_context *c, const unsigned char *der, size_t size)
{
    int rc;
    guard_enter();
    rc = mbedtls_x509_crl_parse_der(&c->lists, der, size);
    if (rc == 0) {
        c->has_lists = 1;
        mbedtls_ssl_conf_ca_chain(&c->conf, &c->anchors, &c->lists);
    }
    guard_leave();
    return rc;
}

/* A client's key. It is then all that proves the two: no certificate is believed. */
API int sq_context_psk(sq_context *c, const unsigned char *identity, size_t identity_size, const unsigned char *key,
                       size_t key_size)
{
    int rc;
    guard_enter();
    mbedtls_ssl_conf_tls13_key_exchange_modes(&c->conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL);
    mbedtls_ssl_conf_session_tickets(&c->conf, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
    c->uses_psk = 1;
    rc = mbedtls_ssl_conf_psk(&c->conf, key, key_size, identity, identity_size);
    guard_leave();
    return rc;
}

/* A server's: `lookup` writes the key and returns its length, 0 for nobody. */
API void sq_context_lookup(sq_context *c, key_lookup *lookup, void *asked)
{
    c->uses_psk = 1;
    c->lookup = lookup;
    c->asked = asked;
    mbedtls_ssl_conf_tls13_key_exchange_modes(&c->conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL);
    mbedtls_ssl_conf_psk_cb(&c->conf, connection_identity, c);
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
    mbedtls_ssl_conf_session_tickets_cb(&c->conf, sessions_write, sessions_parse, c);
    return 0;
}

API size_t sq_context_kept(const sq_context *c)
{
    return c->sessions == NULL ? 0 : c->sessions->count;
}

API void sq_context_free(sq_context *c)
{
    guard_enter();
    context_let_go(c);
    guard_leave();
}
