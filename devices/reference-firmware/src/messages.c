/* See messages.h. */
#include "messages.h"

#include <stdio.h>
#include <string.h>

#include "board.h"
#include "command.h"
#include "credentials.h"
#include "log.h"
#include "lwip/stats.h"
#include "mqtt_credentials.h"
#include "renewal.h"

#define OWN "devices/" MQTT_CLIENT_ID "/"

#ifndef TELEMETRY_SECONDS
#define TELEMETRY_SECONDS 5
#endif

struct heard_messages messages_heard;

static const char *const wanted[] = {OWN "command", RENEWAL_TOPIC "/accepted", RENEWAL_TOPIC "/rejected"};
enum topic { COMMAND, ACCEPTED, REJECTED, NONE };

static enum topic incoming; /* what the pieces that come in belong to */
static size_t gathered;
static char command_text[COMMAND_LONGEST];

static unsigned subscribed;
static uint32_t sequence, interval = TELEMETRY_SECONDS * 1000, last;
static int led;

static void on_subscribed(void *topic, err_t error)
{
    if (error != ERR_OK) {
        log_line("refused: no subscription to %s (%d). Next: sealmq access check %s subscribe TOPIC",
                 (const char *) topic, error, MQTT_CLIENT_ID);
        return;
    }
    subscribed++;
    log_line("subscribed: %s", (const char *) topic);
}

static void on_acknowledged(void *number, err_t error)
{
    if (error == ERR_OK) {
        log_line("telemetry %u acknowledged", (unsigned) (uintptr_t) number);
    } else {
        log_line("telemetry %u: no acknowledgement (%d)", (unsigned) (uintptr_t) number, error);
    }
}

static void on_sent(void *what, err_t error)
{
    if (error != ERR_OK) {
        log_line("failed: no acknowledgement of %s (%d)", (const char *) what, error);
    }
}

/* Publishes what snprintf() has written; `length` is its result, which may be more than there is. */
static err_t publish(mqtt_client_t *client, const char *topic, const char *text, int length, size_t size,
                     mqtt_request_cb_t on_result, const void *argument)
{
    if (length < 0 || (size_t) length >= size) {
        return ERR_BUF;
    }
    return mqtt_publish(client, topic, text, (u16_t) length, 1, 0, on_result, (void *) (uintptr_t) argument);
}

void messages_answer(mqtt_client_t *client, const char *command, const char *result)
{
    char text[128];
    const int length = snprintf(text, sizeof text, "{\"command\":\"%s\",\"result\":\"%s\"}", command, result);

    log_line("command %s: %s", command, result);
    const err_t error = publish(client, OWN "answer", text, length, sizeof text, on_sent, "an answer");
    if (error != ERR_OK) {
        log_line("failed: no room to answer (%d)", error);
    }
}

static void obey(mqtt_client_t *client)
{
    const struct command command = command_read(command_text, gathered);

    switch (command.kind) {
    case COMMAND_LED:
        led = command.value;
        board_led(led);
        messages_answer(client, led ? "led on" : "led off", "done");
        break;
    case COMMAND_INTERVAL:
        interval = (uint32_t) command.value * 1000;
        messages_answer(client, "interval", "done");
        break;
    case COMMAND_RENEW:
        messages_heard.renew = 1;
        messages_answer(client, "renew", renewal_is_pending() ? "already asked" : "asking");
        break;
    case COMMAND_REBOOT:
        messages_heard.reboot = 1;
        messages_answer(client, "reboot", "rebooting");
        break;
    case COMMAND_QUIT:
        messages_heard.quit = 1;
        messages_answer(client, "quit", "ending");
        break;
    case COMMAND_UNKNOWN:
        messages_answer(client, "unknown", "known are: led on, led off, interval 1-3600, renew, reboot, quit");
        break;
    }
}

static void on_topic(void *unused, const char *topic, u32_t length)
{
    (void) unused;
    incoming = COMMAND;
    while (incoming != NONE && strcmp(topic, wanted[incoming]) != 0) {
        incoming++;
    }
    gathered = 0;
    if (incoming == COMMAND && length > sizeof command_text) {
        gathered = length; /* too long for any: obey() finds it unknown, and nothing of it is kept */
    } else if (incoming != COMMAND && incoming != NONE &&
               (length > sizeof credentials_scratch || messages_heard.answered)) {
        log_line("ignored: an answer of %u bytes", (unsigned) length);
        incoming = NONE;
    }
}

static void on_piece(void *argument, const u8_t *piece, u16_t length, u8_t flags)
{
    mqtt_client_t *const client = argument;
    char *const place = incoming == COMMAND ? command_text : (char *) credentials_scratch;
    const size_t room = incoming == COMMAND ? sizeof command_text : sizeof credentials_scratch;

    if (incoming == NONE) {
        return;
    }
    if (gathered <= room && length <= room - gathered) {
        memcpy(place + gathered, piece, length);
        gathered += length;
    } else {
        gathered = room + 1;
    }
    if (!(flags & MQTT_DATA_FLAG_LAST)) {
        return;
    }
    if (incoming == COMMAND) {
        if (gathered > room) {
            gathered = 0; /* the empty command, which is unknown */
        }
        obey(client);
    } else if (gathered <= room) {
        messages_heard.answered = 1;
        messages_heard.is_accepted = incoming == ACCEPTED;
        messages_heard.length = (uint16_t) gathered;
    }
}

void messages_start(mqtt_client_t *client)
{
    memset(&messages_heard, 0, sizeof messages_heard);
    incoming = NONE;
    subscribed = 0;
    last = board_ticks() - interval; /* the first measurement at once */
    mqtt_set_inpub_callback(client, on_topic, on_piece, client);
    for (size_t each = 0; each < NONE; each++) {
        if (mqtt_subscribe(client, wanted[each], 1, on_subscribed, (void *) (uintptr_t) wanted[each]) != ERR_OK) {
            log_line("failed: no room to subscribe to %s", wanted[each]);
        }
    }
}

int messages_are_ready(void)
{
    return subscribed == NONE;
}

void messages_poll(mqtt_client_t *client, uint32_t now)
{
    char text[160];

    if (!messages_are_ready() || now - last < interval) {
        return;
    }
    last = now;
    sequence++;
    const int length = snprintf(text, sizeof text,
                                "{\"sequence\":%u,\"uptime\":%u,\"led\":%s,\"heap\":%u,\"heap_peak\":%u,"
                                "\"stack_peak\":%u}",
                                (unsigned) sequence, (unsigned) (now / 1000), led ? "true" : "false",
                                (unsigned) lwip_stats.mem.used, (unsigned) lwip_stats.mem.max,
                                (unsigned) board_stack_peak());
    const err_t error = publish(client, OWN "telemetry", text, length, sizeof text, on_acknowledged,
                                (const void *) (uintptr_t) sequence);
    if (error != ERR_OK) {
        log_line("telemetry %u: no room, left out (%d)", (unsigned) sequence, error);
    }
}

int messages_ask(mqtt_client_t *client, const char *request, uint16_t length)
{
    return mqtt_publish(client, RENEWAL_TOPIC, request, length, 1, 0, on_sent, "the request") == ERR_OK ? 0 : -1;
}
