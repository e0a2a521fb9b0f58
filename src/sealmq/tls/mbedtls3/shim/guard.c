/* One call at a time: Mbed TLS's key store and random generator belong to the whole process. */

#include "shim.h"

static pthread_mutex_t guard;
static pthread_once_t guard_made = PTHREAD_ONCE_INIT;

static void make_guard(void)
{
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE); /* Python frees things while it looks up a key */
    pthread_mutex_init(&guard, &kind);
    pthread_mutexattr_destroy(&kind);
}

void guard_enter(void)
{
    pthread_once(&guard_made, make_guard);
    pthread_mutex_lock(&guard);
}

void guard_leave(void)
{
    pthread_mutex_unlock(&guard);
}
