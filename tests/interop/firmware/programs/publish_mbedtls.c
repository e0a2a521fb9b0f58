/* What a device does with the mbedtls bundle: connect to a broker on this machine, publish, and wait for the PUBACK. */
#include "mqtt_bytes.h"
#include "mqtt_credentials.h"
#include "mqtt_private_key.h"
#include "tls_setup.h"

#include "mbedtls/net_sockets.h"

#include <stdio.h>

static int exchange(mbedtls_ssl_context *ssl, const unsigned char *packet, size_t length, unsigned char *answer)
{
    int done = mbedtls_ssl_write(ssl, packet, length);

    if (done < 0) {
        return done;
    }
    do {
        done = mbedtls_ssl_read(ssl, answer, 64);
    } while (done == MBEDTLS_ERR_SSL_WANT_READ || done == MBEDTLS_ERR_SSL_WANT_WRITE);
    return done;
}

int main(int argc, char **argv)
{
    static struct tls_setup tls;
    mbedtls_net_context net;
    unsigned char packet[200], answer[64];
    int error;

    if (argc != 4) {
        return 2;
    }
    mbedtls_net_init(&net);
    error = tls_setup(&tls, MQTT_PRIVATE_KEY_DER, sizeof MQTT_PRIVATE_KEY_DER);
    if (error == 0) {
        error = mbedtls_net_connect(&net, "127.0.0.1", argv[1], MBEDTLS_NET_PROTO_TCP);
    }
    if (error == 0) {
        mbedtls_ssl_set_bio(&tls.ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
        do {
            error = mbedtls_ssl_handshake(&tls.ssl);
        } while (error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE);
    }
    if (error != 0) {
        printf("failed -0x%04x\n", (unsigned) -error);
        tls_free(&tls);
        mbedtls_net_free(&net);
        return 1;
    }
    error = exchange(&tls.ssl, packet, mqtt_connect_packet(packet, MQTT_CLIENT_ID), answer);
    if (error == 4 && answer[0] == 0x20 && answer[3] == 0) {
        error = exchange(&tls.ssl, packet, mqtt_publish_packet(packet, argv[2], argv[3]), answer);
        if (error == 4 && answer[0] == 0x40) {
            printf("published with %s\n", mbedtls_ssl_get_version(&tls.ssl));
            error = 0;
        }
    }
    mbedtls_ssl_close_notify(&tls.ssl);
    tls_free(&tls);
    mbedtls_net_free(&net);
    return error != 0;
}
