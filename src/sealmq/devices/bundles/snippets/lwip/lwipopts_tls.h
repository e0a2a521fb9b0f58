/* Include this from your lwipopts.h: what lwIP needs for TLS, and the line that makes it verify the broker. */
#ifndef LWIPOPTS_TLS_H
#define LWIPOPTS_TLS_H

#define LWIP_ALTCP 1
#define LWIP_ALTCP_TLS 1
#define LWIP_ALTCP_TLS_MBEDTLS 1

/* lwIP's default looks at the broker's certificate and goes on whatever it is. */
#define ALTCP_MBEDTLS_AUTHMODE MBEDTLS_SSL_VERIFY_REQUIRED

/* A record of 16 KiB has to fit into the window, or receiving may stall. Less is enough with less
 * MBEDTLS_SSL_IN_CONTENT_LEN and MBEDTLS_SSL_MAX_FRAGMENT_LENGTH. */
#undef TCP_WND
#define TCP_WND 16384

/* The heap from which TLS takes its records. */
#undef MEM_SIZE
#define MEM_SIZE 8000

#endif /* LWIPOPTS_TLS_H */
