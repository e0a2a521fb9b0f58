/* wolfSSL as a microcontroller builds it. */
#define SINGLE_THREADED
#define NO_FILESYSTEM
#define WOLFSSL_USER_IO
#define NO_WRITEV
#define NO_MAIN_DRIVER
#define HAVE_ECC
#define HAVE_SNI
#define HAVE_TLS_EXTENSIONS
#define HAVE_SUPPORTED_CURVES
#define HAVE_HKDF
#define WOLFSSL_TLS13
#define WC_RSA_PSS
#define WC_RSA_BLINDING
#define ECC_TIMING_RESISTANT
#define TFM_TIMING_RESISTANT
#define WOLFSSL_GENSEED_FORTEST
