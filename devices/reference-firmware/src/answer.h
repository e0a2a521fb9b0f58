/*
 * The answer to a renewal, as a SealMQ broker publishes it on $enroll/renew/json/accepted and .../rejected. Pure.
 *
 *     {"certificate": "-----BEGIN ...", "roots": ["-----BEGIN ..."], "serial": "...", ...}
 *     {"code": "busy", "message": "...", "retry_after": 5}
 *
 * Rule 1: whatever bytes arrive, reading ends, and touches nothing outside of them.
 * Rule 2: texts are unescaped where they stand, since they only get shorter; nothing is allocated.
 * Rule 3: members that we do not know are passed over, as a later broker may have more of them.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <stddef.h>

/* Texts end with a NUL; NULL for those that were not there. */
struct answer {
    char *certificate; /* PEM */
    char *roots;       /* PEM, one behind the other */
    char *serial;
    char *code;
    char *message;
    long retry_after; /* seconds, -1 when asking again does not help */
};

/* Reads an answer, which it changes (rule 2). Returns 0, or -1 when it is no JSON object of this kind. */
int answer_read(struct answer *answer, char *json, size_t length);

#endif /* ANSWER_H */
