/* See tls.h. MBEDTLS_ALLOW_PRIVATE_ACCESS is on for this file: lwIP gives no other way to its configuration. */
#include "tls.h"

#include <stdio.h>

#include "calendar.h"
#include "credentials.h"
#include "log.h"
#include "lwip/altcp_tls.h"
#include "mqtt_private_key.h"
#include "tls_codes.h"
#include "tls_setup.h"
#ifdef TLS_1_3
#include "psa/crypto.h"
#endif

#if defined(TLS_1_2) && defined(TLS_1_3)
const char tls_versions[] = "TLS 1.2 and 1.3";
#elif defined(TLS_1_3)
const char tls_versions[] = "TLS 1.3";
#else
const char tls_versions[] = "TLS 1.2";
#endif

/* From altcp_tls_mbedtls_mem.h, which is not among lwIP's public headers. */
void altcp_mbedtls_mem_init(void);

static struct {
    const char *doing;
    int code;
    int alert;      /* the broker's, or -1 */
    uint32_t flags; /* what is wrong with its certificates: MBEDTLS_X509_BADCERT_... */
    int has_looked; /* it has shown some, which it does in a full handshake only */
} heard;

/* To be resumed; of the credentials in use and no others. */
static mbedtls_ssl_session session;
static int has_session;

static struct altcp_tls_config *in_use;
static const mbedtls_x509_crt *own; /* the first of in_use */
static int64_t renewal_time;

int tls_note(const char *doing, int code)
{
    if (code < 0 && heard.code == 0) { /* the first failure is the reason, later ones follow from it */
        heard.doing = doing;
        heard.code = code;
    }
    return code;
}

int tls_note_of(const mbedtls_ssl_context *ssl, const char *doing, int code)
{
    if (code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE ||
        code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
        return code;
    }
    if (code == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE && heard.code == 0) {
        heard.alert = ssl->in_msg[1];
    }
    return tls_note(doing, code);
}

int tls_note_own(const mbedtls_x509_crt *certificate, int code)
{
    own = certificate;
    return tls_note("certificate and key", code);
}

/* Mbed TLS calls it for each certificate of the broker's chain. It changes nothing: what is wrong stays wrong. */
static int look_at_certificate(void *unused, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
    (void) unused;
    (void) certificate;
    (void) depth;
    heard.flags |= *flags;
    heard.has_looked = 1;
    return 0;
}

static void forget_session(void)
{
    if (has_session) {
        mbedtls_ssl_session_free(&session);
        has_session = 0;
    }
}

static void keep_session(const mbedtls_ssl_context *ssl)
{
    forget_session();
    mbedtls_ssl_session_init(&session);
    has_session = mbedtls_ssl_get_session(ssl, &session) == 0; /* else the next handshake is a full one */
    if (!has_session) {
        mbedtls_ssl_session_free(&session);
    }
}

int tls_read(mbedtls_ssl_context *ssl, unsigned char *out, size_t size)
{
    enum { MOST_TICKETS = 8 };
    int code = mbedtls_ssl_read(ssl, out, size);

    /* TLS 1.3: a ticket comes after the handshake, and takes two calls. lwIP would stop at the first. */
    for (int calls = 0; calls < 2 * MOST_TICKETS; calls++) {
        if (code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
            keep_session(ssl);
        } else if (code != MBEDTLS_ERR_SSL_WANT_READ || ssl->state != MBEDTLS_SSL_TLS1_3_NEW_SESSION_TICKET) {
            break;
        }
        code = mbedtls_ssl_read(ssl, out, size);
    }
    return tls_note_of(ssl, "receiving", code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET ? MBEDTLS_ERR_SSL_WANT_READ
                                                                                           : code);
}

void tls_offer_session(mbedtls_ssl_context *ssl)
{
    if (has_session && mbedtls_ssl_set_session(ssl, &session) != 0) {
        forget_session();
    }
}

int tls_keep_session(const mbedtls_ssl_context *ssl)
{
    const int is_resumed = !heard.has_looked;

    if (mbedtls_ssl_get_version_number(ssl) == MBEDTLS_SSL_VERSION_TLS1_2) {
        keep_session(ssl);
    }
    return is_resumed;
}

void tls_init(void)
{
    altcp_mbedtls_mem_init(); /* Mbed TLS's memory is lwIP's heap from here on */
#ifdef TLS_1_3
    const psa_status_t status = psa_crypto_init();
    if (status != PSA_SUCCESS) {
        log_line("psa_crypto_init failed: %d", (int) status);
        fail_for_good("no cryptography");
    }
#endif
    tls_start();
}

void tls_start(void)
{
    heard.doing = "";
    heard.code = 0;
    heard.alert = -1;
    heard.flags = 0;
    heard.has_looked = 0;
}

int tls_failed(void)
{
    return heard.code != 0;
}

void tls_say(const char *doing, int code)
{
    log_line("failed: %s, -0x%04x. Next: sealmq explain -0x%04x", doing, (unsigned) -code, (unsigned) -code);
}

void tls_explain(const char *host)
{
    static const struct {
        uint32_t flag;
        const char *words;
    } reasons[] = {
        {MBEDTLS_X509_BADCERT_NOT_TRUSTED, "unknown authority: it was not made by the CA that this device trusts"},
        {MBEDTLS_X509_BADCERT_EXPIRED, "it is past its last day, or our clock is wrong"},
        {MBEDTLS_X509_BADCERT_FUTURE, "its first day is yet to come, or our clock is wrong"},
        {MBEDTLS_X509_BADCERT_REVOKED, "it was revoked"},
        {MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE, "it is not for a server"},
        {MBEDTLS_X509_BADCERT_BAD_KEY | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_MD,
         "its key or signature is of a kind that this device does not take"},
    };

    forget_session(); /* whatever it was, the next handshake is a full one */
    if (heard.flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) {
        log_line("refused: the broker's certificate does not carry the name %s", host);
    }
    for (size_t each = 0; each < sizeof reasons / sizeof reasons[0]; each++) {
        if (heard.flags & reasons[each].flag) {
            log_line("refused: the broker's certificate: %s", reasons[each].words);
        }
    }
    if (heard.alert >= 0) {
        log_line("the broker refused us: TLS alert %d. Next: sealmq explain alert %d", heard.alert, heard.alert);
    }
    if (heard.code == MBEDTLS_ERR_SSL_BAD_INPUT_DATA) { /* what Mbed TLS means by it, when it comes from the network */
        log_line("a record is longer than our buffer of %u bytes. Next: max_record = %u below [tls] in sealmq.toml",
                 MBEDTLS_SSL_IN_CONTENT_LEN, MBEDTLS_SSL_IN_CONTENT_LEN);
    }
    tls_say(heard.doing, heard.code);
}

static int64_t seconds_of(const mbedtls_x509_time *time)
{
    return calendar_seconds(time->year, time->mon, time->day, time->hour, time->min, time->sec);
}

static void say_certificate(const mbedtls_x509_crt *certificate, int slot)
{
    char serial[41] = "";

    for (size_t each = 0; each < certificate->serial.len && each < 20; each++) {
        snprintf(serial + 2 * each, 3, "%02x", certificate->serial.p[each]);
    }
    renewal_time = calendar_renewal(seconds_of(&certificate->valid_from), seconds_of(&certificate->valid_to));
    if (slot == BUILT_IN) {
        log_text("certificate: built in");
    } else {
        log_text("certificate: of slot %d", slot);
    }
    log_line(", serial %s, until %04d-%02d-%02d", serial, certificate->valid_to.year, certificate->valid_to.mon,
             certificate->valid_to.day);
}

struct altcp_tls_config *tls_use(int slot)
{
    static const u8_t built_in_key[] = TLS_CLIENT_KEY;
    struct credentials stored;

    if (in_use != NULL) {
        altcp_tls_free_config(in_use);
        in_use = NULL;
    }
    tls_start();
    forget_session(); /* the broker would take us for who we were */
    if (slot == BUILT_IN) {
        in_use = mqtt_tls_config(built_in_key, sizeof built_in_key);
    } else if (credentials_load(slot, &stored) == 0) {
        in_use = altcp_tls_create_config_client_2wayauth(stored.roots.data, stored.roots.length, stored.key.data,
                                                         stored.key.length, NULL, 0, stored.certificate.data,
                                                         stored.certificate.length);
        credentials_wipe();
    }
    if (in_use == NULL) {
        if (tls_failed()) {
            tls_explain("");
        } else {
            log_line("failed: the heap is too small for TLS, or the slot can't be read");
        }
        return NULL;
    }
    mbedtls_ssl_config *config = (mbedtls_ssl_config *) in_use; /* its first member */
    mbedtls_ssl_conf_verify(config, look_at_certificate, NULL);
#ifdef TLS_1_3
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(config,
                                                             MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
#if defined(OFFER_1_2)
    mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
#endif
#if !defined(TLS_1_3) || defined(OFFER_1_2)
    /* Not where 1.3 is offered: OpenSSL would answer it in 1.3 too, and Mbed TLS refuses that (-0x7500). */
    mbedtls_ssl_conf_max_frag_len(config, MBEDTLS_SSL_IN_CONTENT_LEN < 2048 ? MBEDTLS_SSL_MAX_FRAG_LEN_1024
                                                                            : MBEDTLS_SSL_MAX_FRAG_LEN_2048);
#endif
    say_certificate(own, slot);
    return in_use;
}

int64_t tls_renewal_time(void)
{
    return renewal_time;
}

int tls_random(void *unused, unsigned char *out, size_t length)
{
    const mbedtls_ssl_config *config = (const mbedtls_ssl_config *) in_use;

    (void) unused;
    return config == NULL ? MBEDTLS_ERR_SSL_NO_RNG : config->f_rng(config->p_rng, out, length);
}
