/*
 * lwIP's MQTT client over altcp_tls with Mbed TLS: the broker is verified, the device proves itself.
 *
 *     static struct mqtt_connect_client_info_t info = { .client_id = MQTT_CLIENT_ID, .keep_alive = 60 };
 *     info.tls_config = mqtt_tls_config((const u8_t *) TLS_CLIENT_KEY, sizeof TLS_CLIENT_KEY);
 *     mqtt_tls_connect(client, &address, connected, NULL, &info);
 *
 * Call it where lwIP may be called: from its thread, or between cyw43_arch_lwip_begin() and _end() on a Pico W.
 */
#ifndef TLS_SETUP_H
#define TLS_SETUP_H

#include "lwip/opt.h"

#include "lwip/altcp_tls.h"
#include "lwip/apps/mqtt.h"

/* Whom to trust and who we are; NULL when the heap is too small or a file can't be parsed. Once for all connections. */
struct altcp_tls_config *mqtt_tls_config(const u8_t *key, size_t key_length);

/* mqtt_client_connect, and the broker's name to be verified. */
err_t mqtt_tls_connect(mqtt_client_t *client, const ip_addr_t *address, mqtt_connection_cb_t connected, void *argument,
                       const struct mqtt_connect_client_info_t *info);

#endif /* TLS_SETUP_H */
