#ifndef PSA_CRYPTO_H
#define PSA_CRYPTO_H
#include <stdint.h>
typedef int32_t psa_status_t;
psa_status_t psa_crypto_init(void);
#endif
