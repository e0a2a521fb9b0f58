/* See renewal.h. */
#include "renewal.h"

#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "credentials.h"
#include "log.h"
#include "mbedtls/base64.h"
#include "mbedtls/ecp.h"
#include "mbedtls/pk.h"
#include "mbedtls/platform.h"
#include "mbedtls/platform_util.h"
#include "mbedtls/x509_crt.h"
#include "mbedtls/x509_csr.h"
#include "tls.h"

enum {
    LONGEST_KEY = 160,     /* SEC1 of P-256 has 121 bytes */
    LONGEST_REQUEST = 400, /* PKCS#10 of P-256 with an empty name has 200 */
    FIRST_WAIT = 30000,    /* ms for the answer; twice as long each time */
    AGAIN = 1000,          /* ms into a new connection */
    TRIES = 6,
};

static enum { IDLE, WANTED, ASKED } state;
static mbedtls_pk_context key;
static int has_key;
static unsigned tries;
static uint32_t next_try;

int renewal_is_pending(void)
{
    return state != IDLE;
}

void renewal_begin(void)
{
    if (state == IDLE) {
        state = WANTED;
        tries = 0;
    }
}

void renewal_ask_again(uint32_t now)
{
    next_try = now + AGAIN;
}

static void give_up(void)
{
    mbedtls_pk_free(&key);
    has_key = 0;
    state = IDLE;
}

static int make_key(void)
{
    mbedtls_pk_init(&key);
    int code = mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (code == 0) {
        code = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), tls_random, NULL);
    }
    if (code != 0) {
        tls_say("making a key", code);
        mbedtls_pk_free(&key);
        return -1;
    }
    has_key = 1;
    return 0;
}

/* {"csr":"..."} into the scratch memory. There is no name in it: the broker knows whose connection it is. */
static const char *write_request(size_t *length)
{
    static const char before[] = "{\"csr\":\"", after[] = "\"}";
    char *const out = (char *) credentials_scratch;
    uint8_t der[LONGEST_REQUEST];
    size_t written = 0;
    mbedtls_x509write_csr request;

    mbedtls_x509write_csr_init(&request);
    mbedtls_x509write_csr_set_md_alg(&request, MBEDTLS_MD_SHA256);
    mbedtls_x509write_csr_set_key(&request, &key);
    int code = mbedtls_x509write_csr_der(&request, der, sizeof der, tls_random, NULL);
    mbedtls_x509write_csr_free(&request);
    if (code > 0) { /* that many bytes, at the end of the buffer */
        memcpy(out, before, sizeof before - 1);
        const size_t room = sizeof credentials_scratch - sizeof before - sizeof after;
        code = mbedtls_base64_encode((unsigned char *) out + sizeof before - 1, room, &written,
                                     der + sizeof der - code, (size_t) code);
    }
    if (code != 0) {
        tls_say("writing the certificate request", code);
        return NULL;
    }
    memcpy(out + sizeof before - 1 + written, after, sizeof after);
    *length = sizeof before - 1 + written + sizeof after - 1;
    return out;
}

const char *renewal_poll(uint32_t now, size_t *length)
{
    if (state == IDLE || (state == ASKED && (int32_t) (now - next_try) < 0)) {
        return NULL;
    }
    if (tries == TRIES) {
        log_line("renewal: no certificate after %u requests; the one in use stays", tries);
        give_up();
        return NULL;
    }
    const char *request = has_key || make_key() == 0 ? write_request(length) : NULL;
    if (request == NULL) {
        give_up();
        return NULL;
    }
    log_line("renewal: request %u, for a key that was made here", tries + 1);
    next_try = now + ((uint32_t) FIRST_WAIT << tries);
    tries++;
    state = ASKED;
    return request;
}

/* Checks that a certificate is for our key, and that the roots are certificates. Returns 0 or Mbed TLS's code. */
static int check(const struct slot_part *certificate, const struct slot_part *roots, const char **doing)
{
    mbedtls_x509_crt parsed;

    *doing = "reading the new certificate";
    mbedtls_x509_crt_init(&parsed);
    int code = mbedtls_x509_crt_parse(&parsed, certificate->data, certificate->length);
    if (code == 0) {
        *doing = "comparing the new certificate with the key that was made";
        code = mbedtls_pk_check_pair(&parsed.pk, &key, tls_random, NULL);
    }
    mbedtls_x509_crt_free(&parsed);
    if (code == 0) {
        *doing = "reading the new roots";
        mbedtls_x509_crt_init(&parsed);
        code = mbedtls_x509_crt_parse(&parsed, roots->data, roots->length);
        mbedtls_x509_crt_free(&parsed);
    }
    return code;
}

static int store(const struct answer *answer, int slot_in_use)
{
    uint8_t der[LONGEST_KEY];
    const char *doing = "writing the new key";
    struct credentials fresh = {
        .certificate = {(const uint8_t *) answer->certificate, strlen(answer->certificate) + 1},
        .roots = {(const uint8_t *) answer->roots, strlen(answer->roots) + 1},
    };
    int slot = -1;
    int code = mbedtls_pk_write_key_der(&key, der, sizeof der);
    if (code > 0) {
        fresh.key = (struct slot_part){der + sizeof der - code, (size_t) code};
        code = check(&fresh.certificate, &fresh.roots, &doing);
        if (code == 0) {
            log_line("renewal: certificate %s has come", answer->serial == NULL ? "(no serial)" : answer->serial);
            slot = credentials_store(slot_in_use, &fresh);
        }
    }
    mbedtls_platform_zeroize(der, sizeof der);
    if (code != 0) {
        tls_say(doing, code);
    }
    return slot;
}

int renewal_take(int accepted, size_t length, int slot_in_use, uint32_t now)
{
    struct answer answer;

    if (state != ASKED) {
        log_line("renewal: an answer to nothing that we asked");
        return -1;
    }
    if (answer_read(&answer, (char *) credentials_scratch, length) != 0) {
        log_line("renewal: the answer is not understood");
        return -1;
    }
    if (!accepted) {
        log_line("renewal: rejected, %s: %s", answer.code == NULL ? "no code" : answer.code,
                 answer.message == NULL ? "no message" : answer.message);
        if (answer.retry_after < 0) {
            give_up();
        } else {
            next_try = now + 1000 * (uint32_t) (answer.retry_after < 3600 ? answer.retry_after : 3600);
        }
        return -1;
    }
    if (answer.certificate == NULL || answer.roots == NULL) {
        log_line("renewal: the answer has no certificate or no roots");
        return -1;
    }
    const int slot = store(&answer, slot_in_use);
    give_up(); /* the key is stored, or of no use */
    return slot;
}
