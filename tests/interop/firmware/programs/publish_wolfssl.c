/* What a device does with the wolfssl bundle: connect to a broker on this machine, publish, and wait for the PUBACK. */
#include "tls_setup.h"

#include "mqtt_bytes.h"
#include "mqtt_credentials.h"
#include "mqtt_private_key.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial(int port)
{
    struct sockaddr_in address;
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short) port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(descriptor, (struct sockaddr *) &address, sizeof address) == 0 ? descriptor : -1;
}

static int exchange(WOLFSSL *tls, const unsigned char *packet, size_t length, unsigned char *answer)
{
    return wolfSSL_write(tls, packet, (int) length) > 0 ? wolfSSL_read(tls, answer, 64) : -1;
}

int main(int argc, char **argv)
{
    WOLFSSL_CTX *context = tls_context(ecc_clikey_der_256, sizeof_ecc_clikey_der_256);
    WOLFSSL *tls = context != NULL ? tls_connection(context) : NULL;
    unsigned char packet[200], answer[64];
    int done = 1, descriptor = argc == 4 ? dial(atoi(argv[1])) : -1;

    if (tls == NULL || descriptor < 0) {
        return 2;
    }
    wolfSSL_set_fd(tls, descriptor);
    done = wolfSSL_connect(tls);
    if (done != WOLFSSL_SUCCESS) {
        printf("failed %d\n", wolfSSL_get_error(tls, done));
    } else if (exchange(tls, packet, mqtt_connect_packet(packet, MQTT_CLIENT_ID), answer) == 4 && answer[3] == 0
               && exchange(tls, packet, mqtt_publish_packet(packet, argv[2], argv[3]), answer) == 4
               && answer[0] == 0x40) {
        printf("published with %s\n", wolfSSL_get_version(tls));
        wolfSSL_shutdown(tls);
        done = 0;
    }
    wolfSSL_free(tls);
    wolfSSL_CTX_free(context);
    close(descriptor);
    return done != 0;
}
