/* A LAN9118 Ethernet chip without interrupts, for lwIP. */
#ifndef LAN9118_H
#define LAN9118_H

#include <stdint.h>

#include "lwip/netif.h"

/* Where the chip's registers are, and the address that it is to have on the wire. */
err_t lan9118_init(struct netif *netif, uintptr_t registers, const uint8_t address[6]);

/* Takes all frames that wait in the chip. */
void lan9118_poll(struct netif *netif);

#endif /* LAN9118_H */
