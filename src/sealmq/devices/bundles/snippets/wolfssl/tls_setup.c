/* See tls_setup.h. Host, roots and certificate come from mqtt_credentials.h. */
#include "tls_setup.h"

#include "mqtt_credentials.h"

static int load_roots(WOLFSSL_CTX *context)
{
    int done = wolfSSL_CTX_load_verify_buffer(
        context, ca_ecc_cert_der_256, sizeof_ca_ecc_cert_der_256, WOLFSSL_FILETYPE_ASN1);
#ifdef MQTT_HAS_ROOT_CERT_2
    if (done == WOLFSSL_SUCCESS) {
        done = wolfSSL_CTX_load_verify_buffer(
            context, ca_ecc_cert_2_der_256, sizeof_ca_ecc_cert_2_der_256, WOLFSSL_FILETYPE_ASN1);
    }
#endif
    return done;
}

WOLFSSL_CTX *tls_context(const unsigned char *key, long key_length)
{
    WOLFSSL_CTX *context;

    if (wolfSSL_Init() != WOLFSSL_SUCCESS) {
        return NULL;
    }
    context = wolfSSL_CTX_new(wolfSSLv23_client_method());
    if (context == NULL) {
        return NULL;
    }
    wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_PEER, NULL);
    if (wolfSSL_CTX_SetMinVersion(context, WOLFSSL_TLSV1_2) != WOLFSSL_SUCCESS || load_roots(context) != WOLFSSL_SUCCESS
        || wolfSSL_CTX_use_certificate_buffer(
               context, cliecc_cert_der_256, sizeof_cliecc_cert_der_256, WOLFSSL_FILETYPE_ASN1) != WOLFSSL_SUCCESS
        || wolfSSL_CTX_use_PrivateKey_buffer(context, key, key_length, WOLFSSL_FILETYPE_ASN1) != WOLFSSL_SUCCESS) {
        wolfSSL_CTX_free(context);
        return NULL;
    }
    return context;
}

WOLFSSL *tls_connection(WOLFSSL_CTX *context)
{
    WOLFSSL *tls = wolfSSL_new(context);
    int done;

    if (tls == NULL) {
        return NULL;
    }
    /* Without it any certificate of this root would do. */
    done = wolfSSL_check_domain_name(tls, MQTT_HOST);
#ifdef HAVE_SNI
    if (done == WOLFSSL_SUCCESS && !MQTT_HOST_IS_ADDRESS) {
        done = wolfSSL_UseSNI(tls, WOLFSSL_SNI_HOST_NAME, MQTT_HOST, sizeof MQTT_HOST - 1);
    }
#endif
    if (done != WOLFSSL_SUCCESS) {
        wolfSSL_free(tls);
        return NULL;
    }
    return tls;
}
