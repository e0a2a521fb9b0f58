/*
 * How a key and its certificate stand in a slot of the non-volatile store. Pure: bytes in, bytes out.
 *
 * Two slots, and a renewal writes the one that is not in use: whatever happens in the middle of it, the other still
 * holds what worked. Of two good slots the one with the higher number is the newer. A sum over everything tells a slot
 * that was written whole from one that was not; against somebody who can write flash there is no defence here.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include <stddef.h>
#include <stdint.h>

/* PEM or DER as Mbed TLS takes it: of PEM, the NUL at the end is counted. */
struct slot_part {
    const uint8_t *data;
    size_t length;
};

struct slot {
    uint32_t number; /* 1 for the first that was ever written */
    struct slot_part key, certificate, roots;
};

/* Bytes of an image beside its three parts. */
#define SLOT_OVERHEAD 18

/* Writes the image of a slot. Returns its length, or 0 when it does not fit into `size`. */
size_t slot_encode(const struct slot *slot, uint8_t *out, size_t size);

/* Reads an image, whose bytes the slot then points into. Returns 0, or -1 for what is no whole image. */
int slot_decode(struct slot *slot, const uint8_t *image, size_t length);

#endif /* SLOTS_H */
