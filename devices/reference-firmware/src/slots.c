/* See slots.h. The image: "SMQ1", number, three lengths, the three parts, CRC-32; integers in network order. */
#include "slots.h"

#include <string.h>

static const uint8_t sign[4] = {'S', 'M', 'Q', '1'};
enum { HEADER = 4 + 4 + 3 * 2, SUM = 4, LONGEST_PART = 0xFFFF };

static uint32_t crc32(const uint8_t *data, size_t length)
{
    uint32_t sum = 0xFFFFFFFFu;

    while (length--) {
        sum ^= *data++;
        for (int bit = 0; bit < 8; bit++) {
            sum = sum >> 1 ^ (sum & 1 ? 0xEDB88320u : 0);
        }
    }
    return ~sum;
}

static void put(uint8_t *out, uint32_t value, int bytes)
{
    while (bytes--) {
        out[bytes] = (uint8_t) value;
        value >>= 8;
    }
}

static uint32_t get(const uint8_t *from, int bytes)
{
    uint32_t value = 0;

    while (bytes--) {
        value = value << 8 | *from++;
    }
    return value;
}

size_t slot_encode(const struct slot *slot, uint8_t *out, size_t size)
{
    const struct slot_part *const parts[3] = {&slot->key, &slot->certificate, &slot->roots};
    size_t at = HEADER;

    for (int each = 0; each < 3; each++) {
        if (parts[each]->length > LONGEST_PART || size < SUM || at + parts[each]->length > size - SUM) {
            return 0;
        }
        at += parts[each]->length;
    }
    memcpy(out, sign, sizeof sign);
    put(out + 4, slot->number, 4);
    at = HEADER;
    for (int each = 0; each < 3; each++) {
        put(out + 8 + 2 * each, (uint32_t) parts[each]->length, 2);
        memcpy(out + at, parts[each]->data, parts[each]->length);
        at += parts[each]->length;
    }
    put(out + at, crc32(out, at), SUM);
    return at + SUM;
}

int slot_decode(struct slot *slot, const uint8_t *image, size_t length)
{
    struct slot_part *const parts[3] = {&slot->key, &slot->certificate, &slot->roots};
    size_t at = HEADER;

    if (length < HEADER + SUM || memcmp(image, sign, sizeof sign) != 0) {
        return -1;
    }
    slot->number = get(image + 4, 4);
    for (int each = 0; each < 3; each++) {
        parts[each]->length = get(image + 8 + 2 * each, 2);
        parts[each]->data = image + at;
        if (parts[each]->length == 0 || parts[each]->length > length - SUM - at) {
            return -1;
        }
        at += parts[each]->length;
    }
    return crc32(image, at) == get(image + at, SUM) ? 0 : -1;
}
