/* The few packets of MQTT 3.1.1 that a device needs to prove that it got in: CONNECT, PUBLISH (QoS 1), DISCONNECT. */
#ifndef MQTT_BYTES_H
#define MQTT_BYTES_H

#include <string.h>

static unsigned char *put_text(unsigned char *to, const char *text)
{
    size_t length = strlen(text);

    *to++ = (unsigned char) (length >> 8);
    *to++ = (unsigned char) length;
    memcpy(to, text, length);
    return to + length;
}

/* Returns the packet's length; everything here stays below 127 bytes, so that one octet says it. */
static size_t mqtt_connect_packet(unsigned char *packet, const char *client_id)
{
    static const unsigned char rest[] = { 4, 2, 0, 60 }; /* MQTT 3.1.1, clean session, keep alive */
    unsigned char *end = put_text(packet + 2, "MQTT");

    memcpy(end, rest, sizeof rest);
    end = put_text(end + sizeof rest, client_id);
    packet[0] = 0x10;
    packet[1] = (unsigned char) (end - packet - 2);
    return (size_t) (end - packet);
}

static size_t mqtt_publish_packet(unsigned char *packet, const char *topic, const char *payload)
{
    unsigned char *end = put_text(packet + 2, topic);

    *end++ = 0;
    *end++ = 1; /* packet identifier */
    memcpy(end, payload, strlen(payload));
    end += strlen(payload);
    packet[0] = 0x32;
    packet[1] = (unsigned char) (end - packet - 2);
    return (size_t) (end - packet);
}

#endif /* MQTT_BYTES_H */
