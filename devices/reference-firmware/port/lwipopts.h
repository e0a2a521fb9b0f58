/*
 * lwIP for this device: no operating system, IPv4, DHCP, DNS, MQTT over TLS.
 *
 * SMALL=1 (Makefile) is for 1 KiB TLS buffers: also a smaller heap, a smaller segment and fewer buffers.
 */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0

#define LWIP_IPV4 1
#define LWIP_IPV6 0
#define LWIP_UDP 1
#define LWIP_TCP 1
#define LWIP_ICMP 1
#define LWIP_DHCP 1
#define LWIP_DHCP_DOES_ACD_CHECK 0
#define LWIP_DNS 1
#define IP_FRAG 0
#define IP_REASSEMBLY 0

/* A host table beside DNS, of one host: see network.c. */
#define DNS_LOCAL_HOSTLIST 1
#define DNS_LOCAL_HOSTLIST_IS_DYNAMIC 1
#define MEMP_NUM_LOCALHOSTLIST 1

/* As the bundle's README says: what TLS needs, and the line that makes lwIP verify the broker. */
#include "lwipopts_tls.h"

/* The bundle's sizes are for those whose Mbed TLS has libc's heap, and 16 KiB records. Ours takes lwIP's heap. */
#undef MEM_SIZE
#undef TCP_WND
#define MEM_ALIGNMENT 8
#ifdef SMALL
#define MEM_SIZE (20 * 1024)
#define TCP_MSS 536
#define TCP_WND (4 * TCP_MSS)
#define TCP_SND_BUF (3 * TCP_MSS)
#define PBUF_POOL_SIZE 6
#else
#define MEM_SIZE (30 * 1024)
#define TCP_MSS 1460
#define TCP_WND (4 * TCP_MSS) /* a record of MBEDTLS_SSL_IN_CONTENT_LEN must fit */
#define TCP_SND_BUF (2 * TCP_MSS)
#define PBUF_POOL_SIZE 8
#endif
#define TCP_SND_QUEUELEN 12
#define MEMP_NUM_TCP_SEG 12
#define MEMP_NUM_PBUF 8
#define MEMP_NUM_TCP_PCB 3 /* one in use, and those of connections that have ended in TIME_WAIT */
#define MEMP_NUM_TCP_PCB_LISTEN 1
#define MEMP_NUM_UDP_PCB 2
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 1) /* the MQTT client's */

/* A renewal request has 400 bytes. */
#define MQTT_OUTPUT_RINGBUF_SIZE 768
#define MQTT_REQ_MAX_IN_FLIGHT 6
/* "$enroll/renew/json/accepted", and what stands before the topic. */
#define MQTT_VAR_HEADER_BUFFER_LEN 128

/* For the peaks that the device reports. */
#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define MEM_STATS 1
#define MEMP_STATS 1
#define SYS_STATS 0
#define LINK_STATS 0
#define ETHARP_STATS 0
#define IP_STATS 0
#define IPFRAG_STATS 0
#define ICMP_STATS 0
#define UDP_STATS 0
#define TCP_STATS 0

#endif /* LWIPOPTS_H */
