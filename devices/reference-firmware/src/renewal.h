/*
 * A new certificate over the MQTT connection itself: the key is made here and never leaves the device.
 *
 *     PUBLISH $enroll/renew/json            {"csr": "base64 of PKCS#10"}
 *     PUBLISH $enroll/renew/json/accepted   {"certificate": "...", "roots": [...]}
 *          or $enroll/renew/json/rejected   {"code": "...", "message": "...", "retry_after": 5}
 *
 * While no answer comes the same request is made again, with the same key: the broker then gives the same certificate.
 * The old certificate opens the broker until the new one has been used once.
 */
#ifndef RENEWAL_H
#define RENEWAL_H

#include <stddef.h>
#include <stdint.h>

#define RENEWAL_TOPIC "$enroll/renew/json"

/* Whether one is under way. */
int renewal_is_pending(void);

/* The connection on which we asked has ended, and its answer with it: a moment from now we ask again. */
void renewal_ask_again(uint32_t now);

/* Begins one, if none is under way: the next renewal_poll() asks. */
void renewal_begin(void);

/* The request, when it is time to make it (again), else NULL; in the scratch memory. */
const char *renewal_poll(uint32_t now, size_t *length);

/* Reads an answer from the scratch memory. Returns the slot of the new credentials, or -1: said why. */
int renewal_take(int accepted, size_t length, int slot_in_use, uint32_t now);

#endif /* RENEWAL_H */
