/* See tls_setup.h. Host, port, roots and certificate come from mqtt_credentials.h. */
#include "tls_setup.h"

#include "lwip/apps/altcp_tls_mbedtls_opts.h"
#include "lwip/apps/mqtt_priv.h"
#include "mbedtls/ssl.h"
#include "mqtt_credentials.h"

#if ALTCP_MBEDTLS_AUTHMODE != MBEDTLS_SSL_VERIFY_REQUIRED
#error "include lwipopts_tls.h from lwipopts.h: as it is, lwIP talks to any broker, whatever its certificate"
#endif

struct altcp_tls_config *mqtt_tls_config(const u8_t *key, size_t key_length)
{
    /* sizeof counts the NUL: without it Mbed TLS takes PEM for DER and fails (-0x2180). */
    static const u8_t roots[] = TLS_ROOT_CERT;
    static const u8_t certificate[] = TLS_CLIENT_CERT;

    return altcp_tls_create_config_client_2wayauth(
        roots, sizeof roots, key, key_length, NULL, 0, certificate, sizeof certificate);
}

err_t mqtt_tls_connect(mqtt_client_t *client, const ip_addr_t *address, mqtt_connection_cb_t connected, void *argument,
                       const struct mqtt_connect_client_info_t *info)
{
    err_t error = mqtt_client_connect(client, address, MQTT_SERVER_PORT, connected, argument, info);
    if (error != ERR_OK) {
        return error;
    }
    /* The connection exists and its handshake has not begun: only now can it be told which name the broker must prove. */
    if (mbedtls_ssl_set_hostname((mbedtls_ssl_context *) altcp_tls_context(client->conn), MQTT_SERVER) != 0) {
        mqtt_disconnect(client);
        return ERR_MEM;
    }
    return ERR_OK;
}
