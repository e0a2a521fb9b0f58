/* The library as a whole: what it is, and its words. */

#include "shim.h"

API int sq_abi(void)
{
    return ABI;
}

/* Of the library that is loaded, and of the headers that this was compiled with. */
API unsigned sq_version(void)
{
    return mbedtls_version_get_number();
}

API unsigned sq_compiled_version(void)
{
    return MBEDTLS_VERSION_NUMBER;
}

API int sq_longest_psk(void)
{
    return MBEDTLS_PSK_MAX_LEN;
}

API int sq_start(void)
{
    int rc;
    guard_enter();
    rc = (int) psa_crypto_init();
    guard_leave();
    return rc;
}

API int sq_suite(const char *name)
{
    return mbedtls_ssl_get_ciphersuite_id(name);
}

API void sq_error_text(int code, char *text, size_t room)
{
    mbedtls_strerror(code, text, room);
}

API void sq_verify_text(uint32_t flags, char *text, size_t room)
{
    if (mbedtls_x509_crt_verify_info(text, room, "", flags) < 0) {
        text[0] = 0;
    }
}
