/* A project's lwipopts.h, with the line that the README asks for. UNVERIFIED leaves it out. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS 1
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_RAW 1
#define LWIP_DNS 1

#ifdef UNVERIFIED
#define LWIP_ALTCP 1
#define LWIP_ALTCP_TLS 1
#define LWIP_ALTCP_TLS_MBEDTLS 1
#else
#include "lwipopts_tls.h"
#endif

#endif
