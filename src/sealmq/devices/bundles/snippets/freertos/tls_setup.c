/* See tls_setup.h. Roots and certificate come from mqtt_credentials.h. */
#include "tls_setup.h"

#include <string.h>

#include "mqtt_credentials.h"

void tls_setup(NetworkCredentials_t *credentials, const uint8_t *key, size_t key_size)
{
    memset(credentials, 0, sizeof *credentials);
    /* The host that is given to TLS_FreeRTOS_Connect is compared with the broker's certificate only with SNI on. */
    credentials->disableSni = 0;
    /* sizeof counts the NUL: without it Mbed TLS takes PEM for DER and fails (-0x2180). */
    credentials->pRootCa = (const uint8_t *) democonfigROOT_CA_PEM;
    credentials->rootCaSize = sizeof(democonfigROOT_CA_PEM);
    credentials->pClientCert = (const uint8_t *) democonfigCLIENT_CERTIFICATE_PEM;
    credentials->clientCertSize = sizeof(democonfigCLIENT_CERTIFICATE_PEM);
    credentials->pPrivateKey = key;
    credentials->privateKeySize = key_size;
}
