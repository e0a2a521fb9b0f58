/* See network.h. */
#include "network.h"

#include "board.h"
#include "log.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/timeouts.h"
#include "mqtt_credentials.h"
#include "netif/ethernet.h"

static struct netif netif;
static enum { NOT_ASKED, ASKED, FOUND, UNKNOWN } state;
static ip_addr_t found;

int network_start(void)
{
    lwip_init();
#ifdef BROKER_ADDRESS
    /* In an emulator the broker runs on the host, whatever name its certificate has. */
    ip_addr_t address;
    ipaddr_aton(BROKER_ADDRESS, &address);
    dns_local_addhost(MQTT_SERVER, &address);
#endif
    if (netif_add_noaddr(&netif, NULL, board_ethernet_init, ethernet_input) == NULL) {
        return -1;
    }
    netif_set_default(&netif);
    netif_set_up(&netif);
    return dhcp_start(&netif) == ERR_OK ? 0 : -1;
}

void network_poll(void)
{
    board_ethernet_poll(&netif);
    sys_check_timeouts();
}

int network_is_up(void)
{
    return dhcp_supplied_address(&netif);
}

static void on_address(const char *host, const ip_addr_t *address, void *unused)
{
    (void) host;
    (void) unused;
    if (address == NULL) {
        state = UNKNOWN;
        return;
    }
    found = *address;
    state = FOUND;
}

int network_find(const char *host, ip_addr_t *address)
{
    if (state == NOT_ASKED) {
        state = ASKED;
        const err_t error = dns_gethostbyname(host, &found, on_address, NULL);
        if (error != ERR_INPROGRESS) {
            state = error == ERR_OK ? FOUND : UNKNOWN;
        }
    }
    if (state == ASKED) {
        return 0;
    }
    const int result = state == FOUND ? 1 : -1;
    state = NOT_ASKED;
    *address = found;
    return result;
}
