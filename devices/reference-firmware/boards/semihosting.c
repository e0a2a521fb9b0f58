/* See semihosting.h. The numbers are those of Arm's "Semihosting for AArch32 and AArch64". */
#include "semihosting.h"

#include <string.h>

enum { SYS_OPEN = 0x01, SYS_CLOSE = 0x02, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_RENAME = 0x0F, SYS_TIME = 0x11 };
enum { SYS_EXIT_EXTENDED = 0x20, APPLICATION_EXIT = 0x20026 };
enum mode { READ_BINARY = 1, WRITE_BINARY = 5 };

/* The host reads the operation from r0, a pointer to its arguments from r1, and answers in r0. */
static int call(int operation, const void *arguments)
{
    register int r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = arguments;

    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static int open_file(const char *path, enum mode mode)
{
    const uint32_t arguments[] = {(uint32_t) path, mode, strlen(path)};

    return call(SYS_OPEN, arguments);
}

static int close_file(int handle)
{
    const uint32_t arguments[] = {(uint32_t) handle};

    return call(SYS_CLOSE, arguments);
}

uint32_t semihosting_time(void)
{
    return (uint32_t) call(SYS_TIME, NULL);
}

int semihosting_read(const char *path, uint8_t *out, size_t size)
{
    int handle = open_file(path, READ_BINARY);
    if (handle < 0) {
        return -1;
    }
    const uint32_t arguments[] = {(uint32_t) handle, (uint32_t) out, size};
    int missing = call(SYS_READ, arguments);
    close_file(handle);
    return missing < 0 || (size_t) missing > size ? -1 : (int) size - missing;
}

int semihosting_write(const char *path, const uint8_t *data, size_t length)
{
    int handle = open_file(path, WRITE_BINARY);
    if (handle < 0) {
        return -1;
    }
    const uint32_t arguments[] = {(uint32_t) handle, (uint32_t) data, length};
    int missing = call(SYS_WRITE, arguments);
    return close_file(handle) == 0 && missing == 0 ? 0 : -1;
}

int semihosting_rename(const char *from, const char *to)
{
    const uint32_t arguments[] = {(uint32_t) from, strlen(from), (uint32_t) to, strlen(to)};

    return call(SYS_RENAME, arguments) == 0 ? 0 : -1;
}

void semihosting_exit(int code)
{
    const uint32_t arguments[] = {APPLICATION_EXIT, (uint32_t) code};

    call(SYS_EXIT_EXTENDED, arguments);
    for (;;) {
    }
}
