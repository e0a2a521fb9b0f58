/* Every literal of the c-header bundle, printed as a C program sees it. */
#include "mqtt_credentials.h"
#include "mqtt_credentials.h"
#include "mqtt_private_key.h"

#include <stdio.h>
#include <string.h>

static void show(const char *name, const void *data, size_t length)
{
    const unsigned char *bytes = data;
    size_t at;

    printf("%s ", name);
    for (at = 0; at < length; at++) {
        printf("%02x", bytes[at]);
    }
    printf("\n");
}

#define SHOW(name) show(#name, name, sizeof name)

int main(void)
{
    SHOW(MQTT_HOST);
    SHOW(MQTT_CLIENT_ID);
    SHOW(MQTT_ROOT_CERT_PEM);
    SHOW(MQTT_DEVICE_CERT_PEM);
    SHOW(MQTT_ROOT_CERT_DER);
    SHOW(MQTT_DEVICE_CERT_DER);
    SHOW(MQTT_PRIVATE_KEY_PEM);
    SHOW(MQTT_PRIVATE_KEY_DER);
    return MQTT_PORT == 0;
}
