/*
 * Zephyr's MQTT client over its TLS sockets: the broker is verified, the device proves itself.
 *
 *     tls_credentials_install();    once, unless cred_install.txt was typed into the shell
 *     tls_setup(&client);           after mqtt_client_init, before mqtt_connect
 */
#ifndef TLS_SETUP_H
#define TLS_SETUP_H

#include <zephyr/net/mqtt.h>

/* Gives roots, certificate and key to the TLS stack. Returns 0 or a negative error number; -EEXIST: was there. */
int tls_credentials_install(void);

/* Has `client` speak TLS, verify the broker and its name, and prove itself. */
void tls_setup(struct mqtt_client *client);

#endif /* TLS_SETUP_H */
