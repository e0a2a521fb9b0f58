/* See tls_setup.h. Host, roots and certificate come from mqtt_credentials.h. */
#include "tls_setup.h"

#include "mqtt_credentials.h"

/* Mbed TLS 4 has no other cryptography than PSA; 3 needs it for TLS 1.3. */
#if MBEDTLS_VERSION_NUMBER >= 0x04000000 || defined(MBEDTLS_USE_PSA_CRYPTO) || \
    (MBEDTLS_VERSION_NUMBER >= 0x03000000 && defined(MBEDTLS_PSA_CRYPTO_C))
#include "psa/crypto.h"
#define TLS_SETUP_PSA
#endif

/* From 2.17 on a DER certificate may stay where it is, in flash; before, it is copied to the heap. */
#if MBEDTLS_VERSION_NUMBER >= 0x02110000
#define TLS_PARSE_DER mbedtls_x509_crt_parse_der_nocopy
#else
#define TLS_PARSE_DER mbedtls_x509_crt_parse_der
#endif

static int load_credentials(struct tls_setup *tls, const unsigned char *key, size_t key_length)
{
    int error = TLS_PARSE_DER(&tls->roots, MQTT_ROOT_CERT_DER, sizeof MQTT_ROOT_CERT_DER);
#ifdef MQTT_HAS_ROOT_CERT_2
    if (error == 0) {
        error = TLS_PARSE_DER(&tls->roots, MQTT_ROOT_CERT_2_DER, sizeof MQTT_ROOT_CERT_2_DER);
    }
#endif
    if (error == 0) {
        error = TLS_PARSE_DER(&tls->certificate, MQTT_DEVICE_CERT_DER, sizeof MQTT_DEVICE_CERT_DER);
    }
    if (error != 0) {
        return error;
    }
#if MBEDTLS_VERSION_NUMBER >= 0x03000000 && MBEDTLS_VERSION_NUMBER < 0x04000000
    return mbedtls_pk_parse_key(&tls->key, key, key_length, NULL, 0, mbedtls_ctr_drbg_random, &tls->random);
#else
    return mbedtls_pk_parse_key(&tls->key, key, key_length, NULL, 0);
#endif
}

static int configure(struct tls_setup *tls)
{
    int error = mbedtls_ssl_config_defaults(
        &tls->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (error != 0) {
        return error;
    }
    /* OPTIONAL would go on with anybody's certificate; NONE would not look at it. */
    mbedtls_ssl_conf_authmode(&tls->config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(&tls->config, &tls->roots, NULL);
#if MBEDTLS_VERSION_NUMBER >= 0x03020000
    mbedtls_ssl_conf_min_tls_version(&tls->config, MBEDTLS_SSL_VERSION_TLS1_2);
#else
    mbedtls_ssl_conf_min_version(&tls->config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#endif
#if MBEDTLS_VERSION_NUMBER < 0x04000000
    mbedtls_ssl_conf_rng(&tls->config, mbedtls_ctr_drbg_random, &tls->random);
#endif
#if defined(MBEDTLS_SSL_MAX_FRAGMENT_LENGTH) && defined(MBEDTLS_SSL_IN_CONTENT_LEN)
    /* Small buffers are told to the broker, or its first large record would not fit in (-0x7200). Its certificates
     * are one message of about 1,000 bytes, which Mbed TLS up to 3.6.2 takes in one record only (-0x7080). */
#if MBEDTLS_SSL_IN_CONTENT_LEN < 1024
#error "MBEDTLS_SSL_IN_CONTENT_LEN is too small for the broker's certificates: 1024 at least, 2048 if it has many names"
#elif MBEDTLS_SSL_IN_CONTENT_LEN < 2048
    error = mbedtls_ssl_conf_max_frag_len(&tls->config, MBEDTLS_SSL_MAX_FRAG_LEN_1024);
#elif MBEDTLS_SSL_IN_CONTENT_LEN < 4096
    error = mbedtls_ssl_conf_max_frag_len(&tls->config, MBEDTLS_SSL_MAX_FRAG_LEN_2048);
#elif MBEDTLS_SSL_IN_CONTENT_LEN < 16384
    error = mbedtls_ssl_conf_max_frag_len(&tls->config, MBEDTLS_SSL_MAX_FRAG_LEN_4096);
#endif
    if (error != 0) {
        return error;
    }
#endif
    return mbedtls_ssl_conf_own_cert(&tls->config, &tls->certificate, &tls->key);
}

int tls_setup(struct tls_setup *tls, const unsigned char *key, size_t key_length)
{
    int error = 0;

    mbedtls_ssl_init(&tls->ssl);
    mbedtls_ssl_config_init(&tls->config);
    mbedtls_x509_crt_init(&tls->roots);
    mbedtls_x509_crt_init(&tls->certificate);
    mbedtls_pk_init(&tls->key);
#if MBEDTLS_VERSION_NUMBER < 0x04000000
    mbedtls_entropy_init(&tls->entropy);
    mbedtls_ctr_drbg_init(&tls->random);
    error = mbedtls_ctr_drbg_seed(&tls->random, mbedtls_entropy_func, &tls->entropy,
                                  (const unsigned char *) MQTT_CLIENT_ID, sizeof MQTT_CLIENT_ID - 1);
#endif
#ifdef TLS_SETUP_PSA
    if (error == 0) {
        error = (int) psa_crypto_init();
    }
#endif
    if (error == 0) {
        error = load_credentials(tls, key, key_length);
    }
    if (error == 0) {
        error = configure(tls);
    }
    if (error == 0) {
        error = mbedtls_ssl_setup(&tls->ssl, &tls->config);
    }
    if (error == 0) {
        /* Without a name any certificate of this root would do; from 3.6.3 on it is an error (-0x5D80). */
        error = mbedtls_ssl_set_hostname(&tls->ssl, MQTT_HOST);
    }
    return error;
}

void tls_free(struct tls_setup *tls)
{
    mbedtls_ssl_free(&tls->ssl);
    mbedtls_ssl_config_free(&tls->config);
    mbedtls_x509_crt_free(&tls->roots);
    mbedtls_x509_crt_free(&tls->certificate);
    mbedtls_pk_free(&tls->key);
#if MBEDTLS_VERSION_NUMBER < 0x04000000
    mbedtls_ctr_drbg_free(&tls->random);
    mbedtls_entropy_free(&tls->entropy);
#endif
}
