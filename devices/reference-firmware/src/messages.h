/*
 * What the device says and hears over MQTT. All topics are those that a SealMQ broker's own rules give to a device:
 *
 *     devices/NAME/telemetry   a measurement each few seconds, QoS 1
 *     devices/NAME/command     what it is told (command.h); devices/NAME/answer, what came of it
 *     $enroll/renew/json       renewal.h
 */
#ifndef MESSAGES_H
#define MESSAGES_H

#include <stdint.h>

#include "lwip/apps/mqtt.h"

/* What came in that the device's life depends on. */
struct heard_messages {
    int renew, reboot, quit;
    int answered;    /* an answer to a renewal is in the scratch memory ... */
    int is_accepted; /* ... which is this one, */
    uint16_t length; /* with so many bytes */
};
extern struct heard_messages messages_heard;

/* After CONNACK: subscribes to all that the device wants to hear. */
void messages_start(mqtt_client_t *client);

/* Whether all subscriptions stand. */
int messages_are_ready(void);

/* Publishes a measurement when it is time. */
void messages_poll(mqtt_client_t *client, uint32_t now);

/* Asks for a certificate. Returns 0, or -1 when it must be tried again later. */
int messages_ask(mqtt_client_t *client, const char *request, uint16_t length);

/* Publishes what came of a command. `result` is plain words. */
void messages_answer(mqtt_client_t *client, const char *command, const char *result);

#endif /* MESSAGES_H */
