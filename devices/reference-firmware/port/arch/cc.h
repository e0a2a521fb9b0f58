/* What lwIP wants to know of the platform. */
#ifndef CC_H
#define CC_H

#include <stdint.h>
#include <stdlib.h>

#define LWIP_NO_UNISTD_H 1

void log_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fail_for_good(const char *words) __attribute__((noreturn)); /* noreturn saves 3 KB of flash in lwIP */
uint32_t random_word(void);

#define LWIP_PLATFORM_DIAG(message) do { log_text message; } while (0)
#define LWIP_PLATFORM_ASSERT(words) fail_for_good(words)

/* TCP's first sequence number and port, DNS's transaction number: from true randomness, not from a seed. */
#define LWIP_RAND() random_word()

#endif /* CC_H */
