/* What the device can be told on devices/NAME/command. Pure. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stddef.h>

enum command_kind {
    COMMAND_UNKNOWN,
    COMMAND_LED,      /* "led on", "led off": value 1 or 0 */
    COMMAND_INTERVAL, /* "interval N": value is seconds between two measurements, 1 to 3600 */
    COMMAND_RENEW,    /* get a new certificate now */
    COMMAND_REBOOT,
    COMMAND_QUIT, /* an emulator ends, a board reboots */
};

/* No command is longer. */
enum { COMMAND_LONGEST = 32 };

struct command {
    enum command_kind kind;
    int value;
};

/* Reads a command; whatever bytes they are, the answer is a command or COMMAND_UNKNOWN. */
struct command command_read(const char *text, size_t length);

#endif /* COMMAND_H */
