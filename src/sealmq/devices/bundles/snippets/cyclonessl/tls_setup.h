/*
 * TLS to the broker with CycloneSSL: the broker is verified, the device proves itself.
 *
 *     static error_t setup(MqttClientContext *client, TlsContext *tls)
 *     {
 *         error_t error = tlsSetPrng(tls, YOUR_PRNG_ALGO, &yourPrngContext);
 *         return error ? error : tls_setup(tls, MQTT_PRIVATE_KEY_PEM, sizeof MQTT_PRIVATE_KEY_PEM - 1);
 *     }
 *     mqttClientSetTransportProtocol(&client, MQTT_TRANSPORT_PROTOCOL_TLS);
 *     mqttClientRegisterTlsInitCallback(&client, setup);
 */
#ifndef TLS_SETUP_H
#define TLS_SETUP_H

#include "tls.h"

/* Whom to trust, who we are, and the name that the broker must prove. `key` is PEM, its NUL not counted. */
error_t tls_setup(TlsContext *tls, const char_t *key, size_t key_length);

#endif /* TLS_SETUP_H */
