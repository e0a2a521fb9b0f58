/* See cortex_m4.h. */
#include "cortex_m4.h"

#include "board.h"

/* Registers of the core, by their names in the ARMv7-M Architecture Reference Manual. */
#define CPACR (*(volatile uint32_t *) 0xE000ED88)
#define AIRCR (*(volatile uint32_t *) 0xE000ED0C)
#define SYST_CSR (*(volatile uint32_t *) 0xE000E010)
#define SYST_RVR (*(volatile uint32_t *) 0xE000E014)
#define SYST_CVR (*(volatile uint32_t *) 0xE000E018)

#define FPU_ON (0xFu << 20)
#define RESET_REQUEST 0x05FA0004u
#define TICK_ON 7u

#define UNTOUCHED 0x5EA15EA1u

extern uint32_t _stack_top, _data_load, _data_start, _data_end, _bss_start, _bss_end; /* the linker script's */
int main(void);

static volatile uint32_t milliseconds;

static void on_fault(void)
{
    static const char words[] = "FAULT: the processor can't go on\r\n";

    for (const char *at = words; *at; at++) {
        board_putc(*at);
    }
    board_halt(3);
}

static void on_tick(void)
{
    milliseconds++;
}

void on_reset(void)
{
    const uint32_t *from = &_data_load;

    CPACR |= FPU_ON;
    __asm volatile("dsb\n isb");
    for (uint32_t *to = &_data_start; to < &_data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = &_bss_start; to < &_bss_end; to++) {
        *to = 0;
    }
    /* What the stack has never reached keeps this word. The 64 bytes below us belong to this function. */
    for (uint32_t *to = &_bss_end; to < (uint32_t *) __builtin_frame_address(0) - 16; to++) {
        *to = UNTOUCHED;
    }
    board_halt(main());
}

void cortex_start_tick(uint32_t hertz)
{
    SYST_RVR = hertz / 1000 - 1;
    SYST_CVR = 0;
    SYST_CSR = TICK_ON;
}

uint32_t cortex_ticks(void)
{
    return milliseconds;
}

uint32_t cortex_stack_peak(void)
{
    const uint32_t *lowest = &_bss_end;

    while (lowest < &_stack_top && *lowest == UNTOUCHED) {
        lowest++;
    }
    return (uint32_t) (&_stack_top - lowest) * sizeof *lowest;
}

void cortex_reset(void)
{
    __asm volatile("dsb");
    AIRCR = RESET_REQUEST;
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) void (*const vectors[16])(void) = {
    (void (*)(void)) &_stack_top, on_reset,
    on_fault, on_fault, on_fault, on_fault, on_fault, /* NMI, HardFault, MemManage, BusFault, UsageFault */
    0, 0, 0, 0,
    on_fault, on_fault, 0, on_fault, /* SVCall, DebugMonitor, PendSV */
    on_tick,
};
