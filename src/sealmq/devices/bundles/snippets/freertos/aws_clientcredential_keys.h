/* The same credentials under the names of the older AWS demos. */
#ifndef AWS_CLIENT_CREDENTIAL_KEYS_H
#define AWS_CLIENT_CREDENTIAL_KEYS_H

#include "mqtt_credentials.h"
#include "mqtt_private_key.h"

#define keyCLIENT_CERTIFICATE_PEM democonfigCLIENT_CERTIFICATE_PEM
#define keyCLIENT_PRIVATE_KEY_PEM democonfigCLIENT_PRIVATE_KEY_PEM
#define keyCA1_ROOT_CERTIFICATE_PEM democonfigROOT_CA_PEM
#define keyJITR_DEVICE_CERTIFICATE_AUTHORITY_PEM NULL

#endif /* AWS_CLIENT_CREDENTIAL_KEYS_H */
