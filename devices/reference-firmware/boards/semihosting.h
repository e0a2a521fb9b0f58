/* Arm semihosting: the emulator's host does what a chip has no hardware for. Not for a board in the field. */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stddef.h>
#include <stdint.h>

/* Seconds since 1970, by the host's clock. */
uint32_t semihosting_time(void);

/* Reads a file of the host. Returns the bytes read, or -1 when it can't be opened. */
int semihosting_read(const char *path, uint8_t *out, size_t size);

/* Replaces a file of the host. Returns 0, or -1. */
int semihosting_write(const char *path, const uint8_t *data, size_t length);

/* Puts a file of the host in another's place, in one step. Returns 0, or -1. */
int semihosting_rename(const char *from, const char *to);

/* Ends the emulator with an exit code. */
void semihosting_exit(int code) __attribute__((noreturn));

#endif /* SEMIHOSTING_H */
