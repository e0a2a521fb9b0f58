/*
 * The life of the device: network, connection, measurements, commands, renewal; and all over again when one ends.
 *
 * lwIP calls us back in the middle of its work, so callbacks only note what happened; this loop acts on it.
 */
#include <time.h>

#include "board.h"
#include "credentials.h"
#include "log.h"
#include "lwip/apps/mqtt_priv.h"
#include "lwip/init.h"
#include "lwip/stats.h"
#include "mbedtls/version.h"
#include "messages.h"
#include "mqtt_credentials.h"
#include "network.h"
#include "platform.h"
#include "renewal.h"
#include "tls.h"
#include "tls_setup.h"

enum {
    KEEP_ALIVE = 30,        /* s */
    CONNECT_LIMIT = 30000,  /* ms from the first SYN to CONNACK; lwIP itself waits for ever in the handshake */
    SHORTEST_WAIT = 1000,   /* ms until the next try: twice as long each time ... */
    LONGEST_WAIT = 60000,   /* ... up to this, and up to a half more, or a whole fleet comes back at once */
    LAST_WORDS = 500,       /* ms in which an answer gets out before we end */
};

static enum { OFFLINE, CONNECTING, ONLINE } state;
static mqtt_client_t *client;
static uint32_t since;    /* when the state began */
static uint32_t next_try; /* when OFFLINE */
static uint32_t wait = SHORTEST_WAIT;
static unsigned candidate; /* of credentials.h, 0 being the newest */
static struct mqtt_connect_client_info_t info = {.client_id = MQTT_CLIENT_ID, .keep_alive = KEEP_ALIVE};

static volatile int connection_changed;
static mqtt_connection_status_t status;

static int is_past(uint32_t now, uint32_t when)
{
    return (int32_t) (now - when) >= 0;
}

static void on_connection(mqtt_client_t *unused, void *argument, mqtt_connection_status_t new_status)
{
    (void) unused;
    (void) argument;
    status = new_status;
    connection_changed = 1;
}

static void go_offline(uint32_t now)
{
    state = OFFLINE;
    next_try = now + wait + random_word() % (wait / 2);
    log_line("offline: next try in %u ms", (unsigned) (next_try - now));
    wait = wait < LONGEST_WAIT / 2 ? wait * 2 : LONGEST_WAIT;
}

/* Takes the next older credentials, or the newest again. */
static void use_next_credentials(void)
{
    const int before = credentials_candidate(candidate);
    const unsigned count = credentials_look();

    candidate = (candidate + 1) % count;
    if (count > 1) {
        log_line("credentials: those of %s are not taken here, trying the next",
                 before == BUILT_IN ? "the build" : "the slot");
    }
    info.tls_config = NULL;
}

static void on_failure(uint32_t now)
{
    if (tls_failed()) {
        tls_explain(MQTT_SERVER);
        if (state == CONNECTING) {
            use_next_credentials();
        }
    } else if (status == MQTT_CONNECT_DISCONNECTED || status == MQTT_CONNECT_TIMEOUT) {
        log_line(state == ONLINE ? "the connection has ended"
                                 : "failed: nobody answers at the broker's address and port");
    } else {
        log_line("the broker refused us: CONNACK %d. Next: sealmq explain connack %d", status, status);
        use_next_credentials();
    }
    go_offline(now);
}

static void connect_now(uint32_t now)
{
    ip_addr_t address;
    const int found = network_find(MQTT_SERVER, &address);

    if (found == 0) {
        return;
    }
    if (found < 0) {
        log_line("failed: no address is known for %s", MQTT_SERVER);
        go_offline(now);
        return;
    }
    if (info.tls_config == NULL && (info.tls_config = tls_use(credentials_candidate(candidate))) == NULL) {
        use_next_credentials();
        go_offline(now);
        return;
    }
    log_line("connecting: %s:%u (%s)", MQTT_SERVER, (unsigned) MQTT_SERVER_PORT, ipaddr_ntoa(&address));
    tls_start();
    connection_changed = 0;
    const err_t error = mqtt_tls_connect(client, &address, on_connection, NULL, &info);
    if (error != ERR_OK) {
        log_line("failed: no connection could be begun (lwIP's error %d): the heap, or a pool, is used up", error);
        go_offline(now);
        return;
    }
    tls_offer_session(altcp_tls_context(client->conn));
    state = CONNECTING;
    since = now;
}

static void on_connected(uint32_t now)
{
    mbedtls_ssl_context *ssl = altcp_tls_context(client->conn);

    log_line("connected: %s, %s, %u ms%s", mbedtls_ssl_get_version(ssl), mbedtls_ssl_get_ciphersuite(ssl),
             (unsigned) (now - since), tls_keep_session(ssl) ? ", resumed" : "");
    state = ONLINE;
    since = now;
    messages_start(client);
    renewal_ask_again(now);
}

/* Leaves the connection, to come back with the newest credentials. */
static void reconnect(uint32_t now)
{
    mqtt_disconnect(client);
    credentials_look();
    candidate = 0;
    info.tls_config = NULL;
    state = OFFLINE;
    next_try = now;
}

static void renew(uint32_t now)
{
    size_t length;

    if (messages_heard.renew || board_time() >= tls_renewal_time()) {
        messages_heard.renew = 0;
        renewal_begin();
    }
    if (messages_heard.answered) {
        messages_heard.answered = 0;
        const int slot = renewal_take(messages_heard.is_accepted, messages_heard.length,
                                      credentials_candidate(candidate), now);
        if (slot >= 0) {
            log_line("renewal: key and certificate are in slot %d, reconnecting with them", slot);
            reconnect(now);
            return;
        }
    }
    const char *request = renewal_poll(now, &length);
    if (request != NULL && messages_ask(client, request, (uint16_t) length) != 0) {
        log_line("failed: no room for the request");
    }
}

static void say_peaks(void)
{
    log_line("peaks: heap %u of %u, stack %u, receive buffers %u of %u", (unsigned) lwip_stats.mem.max,
             (unsigned) MEM_SIZE, (unsigned) board_stack_peak(), (unsigned) lwip_stats.memp[MEMP_PBUF_POOL]->max,
             (unsigned) PBUF_POOL_SIZE);
}

static void live_online(uint32_t now)
{
    static uint32_t ends;

    if (messages_heard.reboot || messages_heard.quit) {
        ends = ends == 0 ? now + LAST_WORDS : ends;
        if (is_past(now, ends)) {
            mqtt_disconnect(client);
            say_peaks();
            log_line(messages_heard.quit ? "END" : "REBOOT");
            if (messages_heard.quit) {
                board_halt(0);
            }
            board_reset();
        }
        return;
    }
    if (now - since > LONGEST_WAIT) {
        wait = SHORTEST_WAIT; /* it has lasted: this is no loop of connections that fail */
    }
    messages_poll(client, now);
    if (messages_are_ready()) {
        renew(now);
    }
}

static void live(uint32_t now)
{
    if (connection_changed) {
        connection_changed = 0;
        if (status == MQTT_CONNECT_ACCEPTED) {
            on_connected(now);
        } else {
            on_failure(now);
        }
    }
    if (state != OFFLINE && tls_failed()) {
        /* lwIP keeps a connection that Mbed TLS has given up while it received, and would wait for ever. */
        on_failure(now);
        mqtt_disconnect(client);
    }
    switch (state) {
    case OFFLINE:
        if (network_is_up() && is_past(now, next_try)) {
            connect_now(now);
        }
        break;
    case CONNECTING:
        if (now - since > CONNECT_LIMIT) {
            log_line("failed: the broker did not get to CONNACK in %u s", CONNECT_LIMIT / 1000);
            mqtt_disconnect(client);
            go_offline(now);
        }
        break;
    case ONLINE:
        live_online(now);
        break;
    }
}

int main(void)
{
    board_init();
    platform_init();
    log_line("SealMQ reference device %s: lwIP %s, Mbed TLS %s, %s", MQTT_CLIENT_ID, LWIP_VERSION_STRING,
             MBEDTLS_VERSION_STRING, tls_versions);
    if (board_warning[0] != '\0') {
        log_line("%s", board_warning);
    }
    if (board_time() == 0) {
        fail_for_good("the clock is not set, so that no certificate can be judged");
    }
    if (network_start() != 0) {
        fail_for_good("no Ethernet");
    }
    tls_init();
    credentials_look();
    client = mqtt_client_new();
    if (client == NULL) {
        fail_for_good("the heap is too small for the MQTT client");
    }
    next_try = board_ticks();
    for (;;) {
        network_poll();
        live(board_ticks());
        board_idle();
    }
}
