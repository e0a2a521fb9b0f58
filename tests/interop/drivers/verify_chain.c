/* Does the chain in one PEM file lead to the root in another? Mbed TLS says so: verify_chain ROOT CHAIN. */
#include <stdio.h>
#include <mbedtls/x509_crt.h>

int main(int argc, char **argv)
{
    mbedtls_x509_crt chain, root;
    uint32_t flags = 0;

    mbedtls_x509_crt_init(&chain);
    mbedtls_x509_crt_init(&root);
    if (argc != 3 || mbedtls_x509_crt_parse_file(&root, argv[1]) != 0 ||
        mbedtls_x509_crt_parse_file(&chain, argv[2]) != 0) {
        return 2;
    }
    int result = mbedtls_x509_crt_verify(&chain, &root, NULL, "localhost", &flags, NULL, NULL);
    printf("%08x\n", (unsigned) flags);
    return result != 0;
}
