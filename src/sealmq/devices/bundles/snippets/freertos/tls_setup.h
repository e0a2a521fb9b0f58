/*
 * coreMQTT's transport over Mbed TLS (transport_mbedtls.h): the broker is verified, the device proves itself.
 *
 *     NetworkCredentials_t credentials;
 *     tls_setup(&credentials, (const uint8_t *) democonfigCLIENT_PRIVATE_KEY_PEM,
 *               sizeof(democonfigCLIENT_PRIVATE_KEY_PEM));
 *     TLS_FreeRTOS_Connect(&network, democonfigMQTT_BROKER_ENDPOINT, democonfigMQTT_BROKER_PORT, &credentials,
 *                          RECEIVE_TIMEOUT_MS, SEND_TIMEOUT_MS);
 */
#ifndef TLS_SETUP_H
#define TLS_SETUP_H

#include "transport_mbedtls.h"

/* Fills in whom to trust and who we are. `key` is PEM with its NUL counted, or DER. */
void tls_setup(NetworkCredentials_t *credentials, const uint8_t *key, size_t key_size);

#endif /* TLS_SETUP_H */
