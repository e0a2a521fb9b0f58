/*
 * What a board gives to the device. Everything above this file knows no chip; a new board is a new .c of these
 * functions and a linker script. BOARD-FRDM-K64F.md says what each of them is on that board.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

#include "lwip/err.h"

struct netif;

/* What a person has to know about this board before trusting it; "" when there is nothing to say. */
extern const char board_warning[];

/* Console, tick and all that does not need lwIP. Called once, first. */
void board_init(void);

/* One character to the serial line; waits until there is room. */
void board_putc(char character);

/* Milliseconds since reset; wraps around after 49 days. */
uint32_t board_ticks(void);

/* Sleep until something may have happened, at most 1 ms. */
void board_idle(void);

/* True randomness. Returns 0 when all of it came; never less, and never anything predictable. */
int board_random(uint8_t *out, size_t length);

/* Seconds since 1970; 0 while nobody has set the clock: then no certificate can be judged, and we connect to nobody. */
uint32_t board_time(void);

/* For netif_add(): brings the Ethernet chip up. */
err_t board_ethernet_init(struct netif *netif);

/* Hands what has arrived to lwIP. Called from the main loop, often. */
void board_ethernet_poll(struct netif *netif);

/*
 * The non-volatile store: BOARD_SLOTS slots of BOARD_SLOT_SIZE bytes, each written whole. A power cut in the middle of
 * a write may leave rubbish in that slot, and must leave the other one alone (two sectors of flash, two files).
 */
#define BOARD_SLOTS 2
#define BOARD_SLOT_SIZE 4096

/* Reads at most BOARD_SLOT_SIZE bytes. Returns how many there were, 0 for a slot that was never written, -1: failed. */
int board_store_read(unsigned slot, uint8_t *out);

/* Replaces a slot. Returns 0, or -1. */
int board_store_write(unsigned slot, const uint8_t *data, size_t length);

void board_led(int on);

/* Starts again from the reset vector. */
void board_reset(void) __attribute__((noreturn));

/* The end after a fault or a command: an emulator exits with the code, a board resets. */
void board_halt(int code) __attribute__((noreturn));

/* Deepest use of the stack so far, in bytes. */
uint32_t board_stack_peak(void);

#endif /* BOARD_H */
