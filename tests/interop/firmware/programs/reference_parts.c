/*
 * The reference device's parts that need no chip, compiled for this machine with sanitizers: what they must give, and
 * hostile input, of which whatever comes must only end. Exit status 0 and a line of what was tried.
 *
 *     reference_parts ANSWER-FILE CORPUS-FILE...      the broker's own answer; what is mutated
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "calendar.h"
#include "command.h"
#include "slots.h"

enum { LARGEST = 4096, MUTATIONS = 20000 };

static uint32_t state = 0x5EA15EA1u;

/* xorshift: the same numbers in each run, so that a failure can be repeated. */
static uint32_t number_below(uint32_t limit)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % limit;
}

/* Exactly as much memory as there are bytes: the sanitizer sees one that is read or written beside it. */
static char *exactly(const void *data, size_t length)
{
    char *copy = malloc(length ? length : 1);
    assert(copy != NULL);
    memcpy(copy, data, length);
    return copy;
}

static int read_answer(const char *json, size_t length, struct answer *answer, char **copy)
{
    *copy = exactly(json, length);
    return answer_read(answer, *copy, length);
}

static void expect_refused(const char *json)
{
    struct answer answer;
    char *copy;

    assert(read_answer(json, strlen(json), &answer, &copy) == -1);
    free(copy);
}

/* Cut off anywhere, an answer is none, and nothing behind the cut is looked at. */
static void refuse_each_beginning_of(const char *json)
{
    struct answer answer;
    char *copy;

    for (size_t length = 0; length < (size_t) (strrchr(json, '}') - json); length++) {
        assert(read_answer(json, length, &answer, &copy) == -1);
        free(copy);
    }
}

static void answers(void)
{
    static const char rejected[] =
        " {\"id\": null, \"code\":\"busy\",\"message\":\"a \\\"b\\\"\\u0041\\u00e4\\n\","
        " \"retry_after\" : 12}\n";
    static const char accepted[] =
        "{\"x\":[1,{\"y\":[]},\"]\"],\"certificate\":\"C\\nD\","
        "\"roots\":[\"one\\n\" , \"two\\/\"],\"t\":true}";
    struct answer answer;
    char *copy;

    assert(read_answer(rejected, sizeof rejected - 1, &answer, &copy) == 0);
    assert(strcmp(answer.code, "busy") == 0 && strcmp(answer.message, "a \"b\"A?\n") == 0 && answer.retry_after == 12);
    assert(answer.certificate == NULL && answer.roots == NULL && answer.serial == NULL);
    free(copy);
    assert(read_answer(accepted, sizeof accepted - 1, &answer, &copy) == 0);
    assert(strcmp(answer.certificate, "C\nD") == 0 && strcmp(answer.roots, "one\ntwo/") == 0);
    assert(answer.retry_after == -1);
    free(copy);
    refuse_each_beginning_of(rejected);
    refuse_each_beginning_of(accepted);
    const char *const wrong[] = {
        "", "{", "{}", "[]", "null", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1}x", "{\"a\":1,}", "{\"a\":\"\\x\"}",
        "{\"code\":1}", "{\"code\":\"\\u0000\"}", "{\"code\":\"\\u12\"}", "{\"code\":\"a", "{\"code\":\"\\",
        "{\"code\":\"a\nb\"}",
        "{\"roots\":\"x\"}", "{\"roots\":[]}", "{\"roots\":[\"a\",]}", "{\"roots\":[\"a\"", "{\"retry_after\":-1}",
        "{\"retry_after\":1234567890}", "{\"a\":[[[[[[[[[]]]]]]]]]}", "{\"a\":[}", "{\"a\":{]}}", "{\"a\":(1)}",
    };
    for (size_t each = 0; each < sizeof wrong / sizeof wrong[0]; each++) {
        expect_refused(wrong[each]);
    }
}

static void commands(void)
{
    static const struct {
        const char *text;
        struct command command;
    } known[] = {
        {"led on", {COMMAND_LED, 1}}, {"led off", {COMMAND_LED, 0}},           {"interval 1", {COMMAND_INTERVAL, 1}},
        {"renew", {COMMAND_RENEW, 0}}, {"interval 3600", {COMMAND_INTERVAL, 3600}}, {"quit", {COMMAND_QUIT, 0}},
        {"reboot", {COMMAND_REBOOT, 0}}, {"", {COMMAND_UNKNOWN, 0}},           {"led", {COMMAND_UNKNOWN, 0}},
        {"led on ", {COMMAND_UNKNOWN, 0}}, {"interval ", {COMMAND_UNKNOWN, 0}}, {"interval 0", {COMMAND_UNKNOWN, 0}},
        {"interval -1", {COMMAND_UNKNOWN, 0}}, {"interval 3601", {COMMAND_UNKNOWN, 0}},
        {"interval 99999999999", {COMMAND_UNKNOWN, 0}}, {"QUIT", {COMMAND_UNKNOWN, 0}},
    };
    for (size_t each = 0; each < sizeof known / sizeof known[0]; each++) {
        const size_t length = strlen(known[each].text);
        char *copy = exactly(known[each].text, length);
        const struct command read = command_read(copy, length);
        assert(read.kind == known[each].command.kind && read.value == known[each].command.value);
        free(copy);
    }
}

static void dates(void)
{
    for (int64_t day = 0; day < 366 * 8030; day += 97) {
        const time_t when = (time_t) (day * 86400 + day % 86400);
        struct tm date;
        gmtime_r(&when, &date);
        if (date.tm_year + 1900 <= 9999) {
            assert(calendar_seconds(date.tm_year + 1900, date.tm_mon + 1, date.tm_mday, date.tm_hour, date.tm_min,
                                    date.tm_sec) == when);
        }
    }
    assert(calendar_seconds(2024, 2, 29, 0, 0, 0) == 1709164800 && calendar_seconds(2023, 2, 29, 0, 0, 0) == -1);
    assert(calendar_seconds(2026, 13, 1, 0, 0, 0) == -1 && calendar_seconds(2026, 0, 1, 0, 0, 0) == -1);
    assert(calendar_seconds(2026, 4, 31, 0, 0, 0) == -1 && calendar_seconds(2026, 4, 1, 24, 0, 0) == -1);
    assert(calendar_renewal(1000, 1900) == 1600);
}

static void images(void)
{
    const struct slot slot = {
        7, {(const uint8_t *) "key", 3}, {(const uint8_t *) "certificate", 11}, {(const uint8_t *) "r", 1}};
    const size_t whole = SLOT_OVERHEAD + 3 + 11 + 1;
    uint8_t image[64];
    struct slot read;

    assert(slot_encode(&slot, image, sizeof image) == whole);
    for (size_t size = 0; size < whole; size++) {
        uint8_t small[64];
        assert(slot_encode(&slot, small, size) == 0);
        uint8_t *copy = (uint8_t *) exactly(image, size); /* a power cut in the middle */
        assert(slot_decode(&read, copy, size) == -1);
        free(copy);
    }
    for (size_t length = whole; length < sizeof image; length++) { /* a sector is longer than its image */
        assert(slot_decode(&read, image, length) == 0 && read.number == 7 && read.certificate.length == 11);
    }
    assert(memcmp(read.key.data, "key", 3) == 0 && memcmp(read.roots.data, "r", 1) == 0);
    for (size_t bit = 0; bit < whole * 8; bit++) {
        uint8_t *copy = (uint8_t *) exactly(image, whole);
        copy[bit / 8] ^= (uint8_t) (1u << bit % 8);
        assert(slot_decode(&read, copy, whole) == -1);
        free(copy);
    }
}

/* Anything: changed, cut, doubled, with the signs that mean something to a parser of JSON. */
static size_t mutate(char *data, size_t length)
{
    static const char signs[] = "{}[]\",:\\u0019tfn-\n\xC3\xA4";

    for (uint32_t count = number_below(6); count > 0 && length > 0; count--) {
        const uint32_t at = number_below((uint32_t) length), what = number_below(5);
        if (what == 0) {
            data[at] = (char) number_below(256);
        } else if (what == 1) {
            data[at] = signs[number_below(sizeof signs - 1)];
        } else if (what == 2) {
            length = at;
        } else {
            const size_t piece = number_below(32) % (length - at + 1);
            if (length + piece <= LARGEST) {
                memmove(data + at + piece, data + at, length - at);
                length += piece;
            }
        }
    }
    return length;
}

static void use(const char *text)
{
    volatile size_t seen = text == NULL ? 0 : strlen(text); /* it must end within what was given */
    (void) seen;
}

static unsigned hostile(const char *seed, size_t seed_length)
{
    char data[LARGEST];
    unsigned taken = 0;

    for (int round = 0; round < MUTATIONS; round++) {
        struct answer answer;
        struct slot slot;
        memcpy(data, seed, seed_length);
        const size_t length = mutate(data, seed_length);
        char *copy = exactly(data, length);
        slot_decode(&slot, (const uint8_t *) copy, length);
        command_read(copy, length);
        if (answer_read(&answer, copy, length) == 0) {
            use(answer.certificate);
            use(answer.roots);
            use(answer.serial);
            use(answer.code);
            use(answer.message);
            taken++;
        }
        free(copy);
    }
    return taken;
}

static size_t load(const char *path, char *out)
{
    FILE *file = fopen(path, "rb");
    assert(file != NULL);
    const size_t length = fread(out, 1, LARGEST, file);
    fclose(file);
    return length;
}

int main(int count, char **arguments)
{
    char seed[LARGEST];
    struct answer answer;

    assert(count > 1);
    answers();
    commands();
    dates();
    images();
    char *copy = NULL;
    const size_t length = load(arguments[1], seed);
    assert(read_answer(seed, length, &answer, &copy) == 0);
    printf("certificate %zu, roots %zu, serial %s\n", strlen(answer.certificate), strlen(answer.roots), answer.serial);
    free(copy);
    for (int each = 1; each < count; each++) {
        printf("%u of %d taken\n", hostile(seed, load(arguments[each], seed)), MUTATIONS);
    }
    return 0;
}
