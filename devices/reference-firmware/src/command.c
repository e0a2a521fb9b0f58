/* See command.h. */
#include "command.h"

#include <string.h>

enum { LONGEST_INTERVAL = 3600 };

static const struct {
    const char *words;
    struct command command;
} fixed[] = {
    {"led on", {COMMAND_LED, 1}},
    {"led off", {COMMAND_LED, 0}},
    {"renew", {COMMAND_RENEW, 0}},
    {"reboot", {COMMAND_REBOOT, 0}},
    {"quit", {COMMAND_QUIT, 0}},
};

static const char interval[] = "interval ";

struct command command_read(const char *text, size_t length)
{
    const struct command unknown = {COMMAND_UNKNOWN, 0};
    const size_t prefix = sizeof interval - 1;

    for (size_t each = 0; each < sizeof fixed / sizeof fixed[0]; each++) {
        if (length == strlen(fixed[each].words) && memcmp(text, fixed[each].words, length) == 0) {
            return fixed[each].command;
        }
    }
    if (length <= prefix || length > prefix + 4 || memcmp(text, interval, prefix) != 0) {
        return unknown;
    }
    int seconds = 0;
    for (size_t at = prefix; at < length; at++) {
        if (text[at] < '0' || text[at] > '9') {
            return unknown;
        }
        seconds = seconds * 10 + (text[at] - '0');
    }
    return seconds < 1 || seconds > LONGEST_INTERVAL ? unknown : (struct command){COMMAND_INTERVAL, seconds};
}
