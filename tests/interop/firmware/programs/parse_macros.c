/* Hands PEM to Mbed TLS as lwIP's altcp_tls and coreMQTT's transport do: an array or a macro, and its sizeof. */
#include "mqtt_credentials.h"
#include "mqtt_private_key.h"

#include "mbedtls/pk.h"
#include "mbedtls/version.h"
#include "mbedtls/x509_crt.h"

#include <stdio.h>
#include <string.h>

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
/* Blinding wants randomness; a test has none to hide anything from. */
static int no_random(void *unused, unsigned char *output, size_t length)
{
    (void) unused;
    memset(output, 1, length);
    return 0;
}
#define RANDOM , no_random, NULL
#else
#define RANDOM
#endif

static const unsigned char roots[] = ROOT;
static const unsigned char certificate[] = CERTIFICATE;
static const unsigned char key[] = KEY;

int main(void)
{
    mbedtls_x509_crt ca, own;
    mbedtls_pk_context pair;
    int error, count = 0;
    mbedtls_x509_crt *each;

    mbedtls_x509_crt_init(&ca);
    mbedtls_x509_crt_init(&own);
    mbedtls_pk_init(&pair);
    error = mbedtls_x509_crt_parse(&ca, roots, sizeof roots);
    if (error == 0) {
        error = mbedtls_x509_crt_parse(&own, certificate, sizeof certificate);
    }
    if (error == 0) {
        error = mbedtls_pk_parse_key(&pair, key, sizeof key, NULL, 0 RANDOM);
    }
    if (error == 0) {
        error = mbedtls_pk_check_pair(&own.pk, &pair RANDOM);
    }
    for (each = &ca; error == 0 && each != NULL; each = each->next) {
        count++;
    }
    printf("%d roots, error -0x%04x, without the NUL -0x%04x\n", count, (unsigned) -error,
           (unsigned) -mbedtls_x509_crt_parse(&own, certificate, strlen((const char *) certificate)));
    mbedtls_x509_crt_free(&ca);
    mbedtls_x509_crt_free(&own);
    mbedtls_pk_free(&pair);
    return error != 0;
}
