/* See tls_setup.h. The .inc files are made from the .der files by credentials.cmake. */
#include "tls_setup.h"

#include <zephyr/net/socket.h>
#include <zephyr/net/tls_credentials.h>
#include <zephyr/version.h>

#include "mqtt_credentials.h"

/* Renamed in 4.2: "server certificate" always meant one's own. */
#if ZEPHYR_VERSION_CODE >= ZEPHYR_VERSION(4, 2, 0)
#define OWN_CERTIFICATE TLS_CREDENTIAL_PUBLIC_CERTIFICATE
#else
#define OWN_CERTIFICATE TLS_CREDENTIAL_SERVER_CERTIFICATE
#endif

#ifndef MQTT_CREDENTIALS_IN_SHELL
/* DER as it is: no NUL behind it. It is not copied: it must stay where it is. */
static const unsigned char root[] = {
#include "root.der.inc"
};

#ifdef MQTT_HAS_ROOT_CERT_2
static const unsigned char root_2[] = {
#include "root-2.der.inc"
};
#endif

static const unsigned char certificate[] = {
#include "device.der.inc"
};

#ifdef MQTT_HAS_PRIVATE_KEY
static const unsigned char key[] = {
#include "device.key.der.inc"
};
#endif

int tls_credentials_install(void)
{
    int error = tls_credential_add(MQTT_SEC_TAG, TLS_CREDENTIAL_CA_CERTIFICATE, root, sizeof(root));

#ifdef MQTT_HAS_ROOT_CERT_2
    /* One CA for each tag. */
    if (error == 0) {
        error = tls_credential_add(MQTT_SEC_TAG_2, TLS_CREDENTIAL_CA_CERTIFICATE, root_2, sizeof(root_2));
    }
#endif
    if (error == 0) {
        error = tls_credential_add(MQTT_SEC_TAG, OWN_CERTIFICATE, certificate, sizeof(certificate));
    }
#ifdef MQTT_HAS_PRIVATE_KEY
    if (error == 0) {
        error = tls_credential_add(MQTT_SEC_TAG, TLS_CREDENTIAL_PRIVATE_KEY, key, sizeof(key));
    }
#endif
    return error;
}
#endif

void tls_setup(struct mqtt_client *client)
{
#ifdef MQTT_HAS_ROOT_CERT_2
    static const sec_tag_t tags[] = { MQTT_SEC_TAG, MQTT_SEC_TAG_2 };
#else
    static const sec_tag_t tags[] = { MQTT_SEC_TAG };
#endif
    struct mqtt_sec_config *tls = &client->transport.tls.config;

    client->transport.type = MQTT_TRANSPORT_SECURE;
    tls->peer_verify = TLS_PEER_VERIFY_REQUIRED;
    tls->cipher_list = NULL;
    tls->sec_tag_list = tags;
    tls->sec_tag_count = sizeof(tags) / sizeof(tags[0]);
    /* NULL would leave the broker's name unverified. */
    tls->hostname = MQTT_HOST;
}
