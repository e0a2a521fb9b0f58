/* See answer.h. JSON as in RFC 8259. A sign beyond ASCII that is written as \u becomes '?'. */
#include "answer.h"

#include <string.h>

enum { DEEPEST = 8 };

struct reader {
    char *at, *end;
};

static void skip_spaces(struct reader *reader)
{
    while (reader->at < reader->end && memchr(" \t\r\n", *reader->at, 4) != NULL) {
        reader->at++;
    }
}

/* Whether the next sign is this one; takes it if so. */
static int take(struct reader *reader, char sign)
{
    skip_spaces(reader);
    if (reader->at == reader->end || *reader->at != sign) {
        return 0;
    }
    reader->at++;
    return 1;
}

/* The four hexadecimal digits of \uXXXX, or -1. */
static int hexadecimal(struct reader *reader)
{
    static const char digits[] = "0123456789abcdef";
    int value = 0;

    if (reader->end - reader->at < 4) {
        return -1;
    }
    for (int each = 0; each < 4; each++) {
        const char sign = *reader->at++;
        const char *digit = memchr(digits, sign >= 'A' && sign <= 'F' ? sign + ('a' - 'A') : sign, 16);
        if (digit == NULL) {
            return -1;
        }
        value = value << 4 | (int) (digit - digits);
    }
    return value;
}

/* What stands behind a backslash, as one byte. A sign that is not ASCII becomes '?': no text that we use has one. */
static int escaped(struct reader *reader)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";

    if (reader->at == reader->end) {
        return -1;
    }
    const char sign = *reader->at++;
    if (sign == 'u') {
        const int value = hexadecimal(reader);
        return value <= 0 ? -1 : value < 0x80 ? value : '?'; /* a NUL would end the text early */
    }
    const char *name = memchr(names, sign, sizeof names - 1);
    return name == NULL ? -1 : meanings[name - names];
}

/* A text, written from `out` on, which is at or before its place. Returns the place behind it, or NULL. */
static char *read_text(struct reader *reader, char *out)
{
    if (!take(reader, '"')) {
        return NULL;
    }
    while (reader->at < reader->end) {
        int sign = *reader->at++;
        if (sign == '"') {
            return out;
        }
        if (sign >= 0 && sign < 0x20) {
            return NULL;
        }
        if (sign == '\\' && (sign = escaped(reader)) < 0) {
            return NULL;
        }
        *out++ = (char) sign;
    }
    return NULL;
}

/* A text with its NUL, which overwrites the quote or what was read before it; or NULL. */
static char *terminated_text(struct reader *reader)
{
    skip_spaces(reader);
    char *const start = reader->at;
    char *const end = read_text(reader, start);
    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    return start;
}

/* A list of texts, joined to one; or NULL. */
static char *joined_texts(struct reader *reader)
{
    if (!take(reader, '[')) {
        return NULL;
    }
    char *const start = reader->at, *end = start;
    do {
        skip_spaces(reader);
        end = read_text(reader, end);
        if (end == NULL) {
            return NULL;
        }
    } while (take(reader, ','));
    if (!take(reader, ']')) {
        return NULL;
    }
    *end = '\0';
    return start;
}

/* A whole number of at most 9 digits, or -1. */
static long whole_number(struct reader *reader)
{
    long value = 0;
    int digits = 0;

    skip_spaces(reader);
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' && digits < 9) {
        value = value * 10 + (*reader->at++ - '0');
        digits++;
    }
    return digits == 0 ? -1 : value;
}

/* A number, true, false or null. */
static int skip_word(struct reader *reader)
{
    const char *const start = reader->at;

    while (reader->at < reader->end && memchr(",]} \t\r\n", *reader->at, 7) == NULL) {
        const char sign = *reader->at++;
        if (!(sign >= '0' && sign <= '9') && !(sign >= 'a' && sign <= 'z') && memchr("+-.E", sign, 4) == NULL) {
            return -1;
        }
    }
    return reader->at > start ? 0 : -1;
}

/* Any value: brackets are counted, not followed, so that no depth of them can take the stack. */
static int skip_value(struct reader *reader)
{
    char closing[DEEPEST];
    int depth = 0;

    do {
        skip_spaces(reader);
        if (reader->at == reader->end) {
            return -1;
        }
        const char sign = *reader->at;
        if (sign == '"') {
            char *const start = reader->at;
            if (read_text(reader, start) == NULL) {
                return -1;
            }
        } else if (sign == '[' || sign == '{') {
            if (depth == DEEPEST) {
                return -1;
            }
            closing[depth++] = sign == '[' ? ']' : '}';
            reader->at++;
        } else if (depth > 0 && sign == closing[depth - 1]) {
            depth--;
            reader->at++;
        } else if (depth > 0 && (sign == ',' || sign == ':')) {
            reader->at++;
        } else if (skip_word(reader) != 0) {
            return -1;
        }
    } while (depth > 0);
    return 0;
}

/* Whether a text of the reader is this name. */
static int is(const char *name, size_t length, const char *wanted)
{
    return length == strlen(wanted) && memcmp(name, wanted, length) == 0;
}

static int read_member(struct answer *answer, struct reader *reader)
{
    skip_spaces(reader);
    const char *const name = reader->at;
    char *const end = read_text(reader, reader->at);
    if (end == NULL || !take(reader, ':')) {
        return -1;
    }
    const size_t length = (size_t) (end - name);
    struct {
        const char *name;
        char **place;
    } const texts[] = {
        {"certificate", &answer->certificate},
        {"serial", &answer->serial},
        {"code", &answer->code},
        {"message", &answer->message},
    };
    for (size_t each = 0; each < sizeof texts / sizeof texts[0]; each++) {
        if (is(name, length, texts[each].name)) {
            *texts[each].place = terminated_text(reader);
            return *texts[each].place == NULL ? -1 : 0;
        }
    }
    if (is(name, length, "roots")) {
        answer->roots = joined_texts(reader);
        return answer->roots == NULL ? -1 : 0;
    }
    if (is(name, length, "retry_after")) {
        answer->retry_after = whole_number(reader);
        return answer->retry_after < 0 ? -1 : 0;
    }
    return skip_value(reader);
}

int answer_read(struct answer *answer, char *json, size_t length)
{
    struct reader reader = {json, json + length};

    memset(answer, 0, sizeof *answer);
    answer->retry_after = -1;
    if (!take(&reader, '{')) {
        return -1;
    }
    do {
        if (read_member(answer, &reader) != 0) {
            return -1;
        }
    } while (take(&reader, ','));
    if (!take(&reader, '}')) {
        return -1;
    }
    skip_spaces(&reader);
    return reader.at == reader.end ? 0 : -1;
}
