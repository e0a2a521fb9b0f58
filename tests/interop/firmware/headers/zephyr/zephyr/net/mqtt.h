/* What Zephyr's MQTT client is told about TLS. */
#ifndef ZEPHYR_MQTT_H
#define ZEPHYR_MQTT_H

#include <stdint.h>

#include <zephyr/net/tls_credentials.h>

enum mqtt_transport_type { MQTT_TRANSPORT_NON_SECURE, MQTT_TRANSPORT_SECURE };

struct mqtt_sec_config {
    int peer_verify;
    uint32_t cipher_count;
    const int *cipher_list;
    uint32_t sec_tag_count;
    const sec_tag_t *sec_tag_list;
    const char *hostname;
};

struct mqtt_client {
    struct {
        enum mqtt_transport_type type;
        struct {
            struct mqtt_sec_config config;
        } tls;
    } transport;
};

#endif
