/* The way to the broker: Ethernet, an address by DHCP, the broker's by DNS. */
#ifndef NETWORK_H
#define NETWORK_H

#include "lwip/ip_addr.h"

/* Starts it. Returns 0, or -1 when there is no Ethernet chip. */
int network_start(void);

/* Gives lwIP what has arrived, and the time that has passed. */
void network_poll(void);

/* Whether we have an address. */
int network_is_up(void);

/*
 * Asks for the address of a host; once more while the answer is still to come. Returns 1: it is in *address; 0: wait;
 * -1: nobody knows it.
 */
int network_find(const char *host, ip_addr_t *address);

#endif /* NETWORK_H */
