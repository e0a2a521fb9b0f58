/* What every Cortex-M4 has: vectors, tick, reset, the stack. A board's file builds on it. */
#ifndef CORTEX_M4_H
#define CORTEX_M4_H

#include <stdint.h>

/* Starts the 1 ms tick of a processor that runs at this frequency. */
void cortex_start_tick(uint32_t hertz);

uint32_t cortex_ticks(void);
uint32_t cortex_stack_peak(void);
void cortex_reset(void) __attribute__((noreturn));

#endif /* CORTEX_M4_H */
