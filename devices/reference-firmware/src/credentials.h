/*
 * Which key and certificate the device has: those that were built in, and those of the two slots that renewals write.
 *
 * They are tried from the newest on. A renewal writes the slot that is not in use, so that what works is never
 * overwritten; and when the newest does not open the broker, the one before it may.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <stddef.h>
#include <stdint.h>

#include "board.h"
#include "slots.h"

/* In the place of a slot's number. */
#define BUILT_IN (-1)

struct credentials {
    struct slot_part key, certificate, roots;
};

/*
 * 4 KiB that one thing at a time may use: the image of a slot, or a renewal's request and answer. They never meet: a
 * slot is read before a connection is made, an answer comes on one.
 */
extern uint8_t credentials_scratch[BOARD_SLOT_SIZE];

/* Looks which slots are good. Returns how many candidates there are, at least 1: the built-in ones come last. */
unsigned credentials_look(void);

/* The slot of a candidate, 0 being the newest. */
int credentials_candidate(unsigned index);

/* Reads a slot into the scratch memory. Returns 0, or -1. */
int credentials_load(int slot, struct credentials *out);

/* Overwrites the scratch memory: it had a private key. */
void credentials_wipe(void);

/*
 * Writes new credentials beside those of the slot in use, by way of the scratch memory, in which the certificate and
 * roots may stand. Returns the slot they are in, read back and compared, or -1.
 */
int credentials_store(int in_use, const struct credentials *fresh);

#endif /* CREDENTIALS_H */
