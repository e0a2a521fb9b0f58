/* What lwIP, Mbed TLS and newlib ask of the platform, given by the board. */
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "board.h"
#include "log.h"
#include "lwip/sys.h"
#include "mbedtls/entropy.h"
#include "mbedtls/platform.h"
#include "mbedtls/platform_time.h"
#include "mbedtls/platform_util.h"
#include "platform.h"

void log_text(const char *format, ...)
{
    char text[200];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (const char *at = text; *at; at++) {
        if (*at == '\n') {
            board_putc('\r');
        }
        board_putc(*at);
    }
}

void fail_for_good(const char *words)
{
    log_line("STOP: %s", words);
    board_halt(3);
}

uint32_t random_word(void)
{
    uint32_t word;

    if (board_random((uint8_t *) &word, sizeof word) != 0) {
        fail_for_good("the random generator gives nothing");
    }
    return word;
}

u32_t sys_now(void)
{
    return board_ticks();
}

int mbedtls_hardware_poll(void *data, unsigned char *output, size_t length, size_t *written)
{
    (void) data;
    if (board_random(output, length) != 0) {
        return MBEDTLS_ERR_ENTROPY_SOURCE_FAILED;
    }
    *written = length;
    return 0;
}

mbedtls_ms_time_t mbedtls_ms_time(void)
{
    return board_ticks();
}

struct tm *mbedtls_platform_gmtime_r(const mbedtls_time_t *time, struct tm *out)
{
    return gmtime_r(time, out);
}

static mbedtls_time_t wall_clock(mbedtls_time_t *out)
{
    mbedtls_time_t now = board_time();

    if (out != NULL) {
        *out = now;
    }
    return now;
}

void platform_init(void)
{
    mbedtls_platform_set_time(wall_clock);
    mbedtls_platform_set_snprintf(snprintf);
}

/* newlib asks for these. There are no files, and no heap of libc's: all memory is lwIP's, and one number bounds it. */

void *_sbrk(int bytes)
{
    (void) bytes;
    return (void *) -1;
}

int _write(int file, char *data, int length)
{
    (void) file;
    (void) data;
    return length;
}

int _read(int file, char *data, int length)
{
    (void) file;
    (void) data;
    (void) length;
    return 0;
}

int _close(int file)
{
    (void) file;
    return -1;
}

int _lseek(int file, int offset, int whence)
{
    (void) file;
    (void) offset;
    (void) whence;
    return 0;
}

int _fstat(int file, struct stat *status)
{
    (void) file;
    status->st_mode = S_IFCHR;
    return 0;
}

int _isatty(int file)
{
    (void) file;
    return 1;
}

int _kill(int process, int signal)
{
    (void) process;
    (void) signal;
    return -1;
}

int _getpid(void)
{
    return 1;
}

void _exit(int code)
{
    board_halt(code);
}
