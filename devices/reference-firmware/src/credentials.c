/* See credentials.h. */
#include "credentials.h"

#include <string.h>

#include "log.h"
#include "lwip/mem.h"
#include "mbedtls/platform_util.h"

uint8_t credentials_scratch[BOARD_SLOT_SIZE];

static int candidates[BOARD_SLOTS + 1] = {BUILT_IN};
static unsigned count = 1;
static uint32_t newest_number;

static int read_slot(int slot, struct slot *out)
{
    const int length = board_store_read((unsigned) slot, credentials_scratch);

    return length <= 0 ? -1 : slot_decode(out, credentials_scratch, (size_t) length);
}

unsigned credentials_look(void)
{
    uint32_t numbers[BOARD_SLOTS] = {0};
    struct slot slot;

    count = 0;
    newest_number = 0;
    for (int each = 0; each < BOARD_SLOTS; each++) {
        if (read_slot(each, &slot) != 0) {
            continue;
        }
        numbers[each] = slot.number;
        unsigned place = count++;
        for (; place > 0 && numbers[candidates[place - 1]] < slot.number; place--) {
            candidates[place] = candidates[place - 1];
        }
        candidates[place] = each;
        if (slot.number > newest_number) {
            newest_number = slot.number;
        }
    }
    candidates[count++] = BUILT_IN;
    credentials_wipe();
    return count;
}

int credentials_candidate(unsigned index)
{
    return candidates[index % count];
}

int credentials_load(int slot, struct credentials *out)
{
    struct slot read;

    if (read_slot(slot, &read) != 0) {
        log_line("slot %d: not a whole image", slot);
        return -1;
    }
    out->key = read.key;
    out->certificate = read.certificate;
    out->roots = read.roots;
    return 0;
}

void credentials_wipe(void)
{
    mbedtls_platform_zeroize(credentials_scratch, sizeof credentials_scratch);
}

static int is_candidate(int slot)
{
    for (unsigned index = 0; index < count; index++) {
        if (candidates[index] == slot) {
            return 1;
        }
    }
    return 0;
}

/* The slot that may be overwritten: one that holds nothing, or the older of those that are not in use. */
static int free_slot(int in_use)
{
    for (int slot = 0; slot < BOARD_SLOTS; slot++) {
        if (!is_candidate(slot)) {
            return slot;
        }
    }
    unsigned index = count - 2; /* behind it only the built-in ones */
    return candidates[index] == in_use ? candidates[index - 1] : candidates[index];
}

int credentials_store(int in_use, const struct credentials *fresh)
{
    const struct slot image = {newest_number + 1, fresh->key, fresh->certificate, fresh->roots};
    const int slot = free_slot(in_use);
    const size_t size = SLOT_OVERHEAD + fresh->key.length + fresh->certificate.length + fresh->roots.length;
    if (size > BOARD_SLOT_SIZE) {
        log_line("failed: the new certificate does not fit into a slot of %u bytes", BOARD_SLOT_SIZE);
        return -1;
    }
    uint8_t *const copy = mem_malloc((mem_size_t) size); /* what is stored stands in the scratch memory until now */
    if (copy == NULL) {
        log_line("failed: %u bytes of heap, to store the new certificate", (unsigned) size);
        return -1;
    }
    const size_t length = slot_encode(&image, copy, size);
    int result = -1;
    if (length == 0 || board_store_write((unsigned) slot, copy, length) != 0 ||
        board_store_read((unsigned) slot, credentials_scratch) != (int) length ||
        memcmp(copy, credentials_scratch, length) != 0) {
        log_line("failed: slot %d did not take what was written", slot);
    } else {
        result = slot;
    }
    mbedtls_platform_zeroize(copy, size);
    mem_free(copy);
    credentials_wipe();
    return result;
}
