/*
 * QEMU's mps2-an386: a Cortex-M4 with a CMSDK UART and a LAN9118. It has no random generator, no clock and no flash
 * that lasts; here the host lends its own by semihosting, which makes an emulator of a device, and no device.
 */
#include "board.h"
#include "cortex_m4.h"
#include "lan9118.h"
#include "semihosting.h"

const char board_warning[] =
    "EMULATOR: random numbers, clock and store are the host's (semihosting). A board has its own.";

#define CLOCK_HZ 25000000u

#define UART ((volatile uint32_t *) 0x40004000)
enum uart_register { UART_DATA = 0, UART_STATE = 1, UART_CONTROL = 2, UART_BAUD_DIVIDER = 4 };
#define UART_IS_FULL 1u
#define UART_SEND 1u

#define LEDS (*(volatile uint32_t *) 0x40028000)

#define ETHERNET 0x40200000u
static const uint8_t ethernet_address[6] = {0x52, 0x54, 0x00, 0x5E, 0xA1, 0x01}; /* locally administered */

/* In the folder in which QEMU runs. */
static const char *const slot_files[BOARD_SLOTS] = {"slot-0.bin", "slot-1.bin"};
static const char unfinished[] = "slot.unfinished";

void board_init(void)
{
    UART[UART_BAUD_DIVIDER] = 16; /* the least that the chip takes; QEMU does not wait for bits */
    UART[UART_CONTROL] = UART_SEND;
    cortex_start_tick(CLOCK_HZ);
}

void board_putc(char character)
{
    while (UART[UART_STATE] & UART_IS_FULL) {
    }
    UART[UART_DATA] = (uint8_t) character;
}

uint32_t board_ticks(void)
{
    return cortex_ticks();
}

void board_idle(void)
{
    __asm volatile("wfi"); /* the tick wakes us */
}

int board_random(uint8_t *out, size_t length)
{
    return semihosting_read("/dev/urandom", out, length) == (int) length ? 0 : -1;
}

uint32_t board_time(void)
{
    return semihosting_time();
}

err_t board_ethernet_init(struct netif *netif)
{
    return lan9118_init(netif, ETHERNET, ethernet_address);
}

void board_ethernet_poll(struct netif *netif)
{
    lan9118_poll(netif);
}

int board_store_read(unsigned slot, uint8_t *out)
{
    const int length = semihosting_read(slot_files[slot], out, BOARD_SLOT_SIZE);

    return length < 0 ? 0 : length; /* a file that is not there was never written */
}

int board_store_write(unsigned slot, const uint8_t *data, size_t length)
{
    if (semihosting_write(unfinished, data, length) != 0) {
        return -1;
    }
    return semihosting_rename(unfinished, slot_files[slot]);
}

void board_led(int on)
{
    LEDS = on ? 1 : 0;
}

void board_reset(void)
{
    cortex_reset();
}

void board_halt(int code)
{
    semihosting_exit(code);
}

uint32_t board_stack_peak(void)
{
    return cortex_stack_peak();
}
