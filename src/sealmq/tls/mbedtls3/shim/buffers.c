/* Bytes that wait: for the library, or to be sent. */

#include "shim.h"

size_t buffer_waiting(const buffer *b)
{
    return b->end - b->start;
}

int buffer_append(buffer *b, const unsigned char *data, size_t size)
{
    if (b->start == b->end) {
        b->start = b->end = 0;
    }
    if (size > b->room - b->end) {
        size_t room = 2 * (buffer_waiting(b) + size);
        unsigned char *larger = malloc(room);
        if (larger == NULL) {
            return 0;
        }
        if (b->data != NULL) {
            memcpy(larger, b->data + b->start, buffer_waiting(b));
            free(b->data);
        }
        b->end -= b->start;
        b->start = 0;
        b->data = larger;
        b->room = room;
    }
    if (size != 0) {
        memcpy(b->data + b->end, data, size);
    }
    b->end += size;
    return 1;
}

void buffer_empty(buffer *b)
{
    free(b->data);
    memset(b, 0, sizeof *b);
}

unsigned char *buffer_copy_of(const unsigned char *data, size_t size)
{
    unsigned char *copy = malloc(size ? size : 1);
    if (copy != NULL && size != 0) {
        memcpy(copy, data, size);
    }
    return copy;
}
