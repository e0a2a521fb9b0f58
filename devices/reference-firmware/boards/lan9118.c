/* See lan9118.h. Registers have the names of the chip's data sheet. */
#include "lan9118.h"

#include <string.h>

#include "lwip/etharp.h"
#include "lwip/pbuf.h"
#include "netif/ethernet.h"

static volatile uint8_t *base;

#define REGISTER(offset) (*(volatile uint32_t *) (base + (offset)))
#define RX_DATA_FIFO REGISTER(0x00)
#define TX_DATA_FIFO REGISTER(0x20)
#define RX_STATUS_FIFO REGISTER(0x40)
#define TX_STATUS_FIFO REGISTER(0x48)
#define INT_EN REGISTER(0x5C)
#define BYTE_TEST REGISTER(0x64)
#define RX_CFG REGISTER(0x6C)
#define TX_CFG REGISTER(0x70)
#define HW_CFG REGISTER(0x74)
#define RX_FIFO_INF REGISTER(0x7C)
#define TX_FIFO_INF REGISTER(0x80)
#define MAC_CSR_CMD REGISTER(0xA4)
#define MAC_CSR_DATA REGISTER(0xA8)

enum mac_register { MAC_CR = 1, ADDRH = 2, ADDRL = 3 };

#define BYTES_IN_ORDER 0x87654321u
#define STATUSES_WAITING 0x00FF0000u /* of RX_FIFO_INF and TX_FIFO_INF */
#define BYTES_FREE 0x0000FFFFu       /* of TX_FIFO_INF */
#define SOFT_RESET 1u
#define TX_FIFO_5_KIB (5u << 16)
#define TX_ON 2u
#define MAC_TX_AND_RX_ON 0xCu
#define MAC_BUSY (1u << 31)
#define MAC_READ (1u << 30)
#define RX_ERROR (1u << 15)
#define WHOLE_FRAME (3u << 12) /* first and last segment */

#define CHECKSUM_LENGTH 4 /* the frame check sequence, which the chip leaves on */
#define LONGEST_FRAME 1518

/* One frame, in words because the FIFOs are of words. */
static uint32_t frame[(LONGEST_FRAME + 3) / 4];

static uint32_t mac_read(enum mac_register index)
{
    MAC_CSR_CMD = MAC_BUSY | MAC_READ | index;
    while (MAC_CSR_CMD & MAC_BUSY) {
    }
    return MAC_CSR_DATA;
}

static void mac_write(enum mac_register index, uint32_t value)
{
    MAC_CSR_DATA = value;
    MAC_CSR_CMD = MAC_BUSY | index;
    while (MAC_CSR_CMD & MAC_BUSY) {
    }
}

static err_t send_frame(struct netif *netif, struct pbuf *packet)
{
    const uint32_t length = packet->tot_len;

    (void) netif;
    if (length > sizeof frame || (TX_FIFO_INF & BYTES_FREE) < length + 16) {
        return ERR_BUF; /* as a lost frame: TCP sends it again */
    }
    pbuf_copy_partial(packet, frame, packet->tot_len, 0);
    TX_DATA_FIFO = WHOLE_FRAME | length;
    TX_DATA_FIFO = length;
    for (uint32_t word = 0; word < (length + 3) / 4; word++) {
        TX_DATA_FIFO = frame[word];
    }
    while (TX_FIFO_INF & STATUSES_WAITING) {
        (void) TX_STATUS_FIFO; /* or the chip stops when their FIFO is full */
    }
    return ERR_OK;
}

static void take_frame(struct netif *netif)
{
    const uint32_t status = RX_STATUS_FIFO;
    const uint32_t length = (status >> 16) & 0x3FFF;
    const uint32_t words = (length + 3) / 4;
    const int usable = !(status & RX_ERROR) && length > CHECKSUM_LENGTH && length <= sizeof frame;

    for (uint32_t word = 0; word < words; word++) {
        const uint32_t value = RX_DATA_FIFO;
        if (usable) {
            frame[word] = value;
        }
    }
    if (!usable) {
        return;
    }
    struct pbuf *packet = pbuf_alloc(PBUF_RAW, (u16_t) (length - CHECKSUM_LENGTH), PBUF_POOL);
    if (packet == NULL) {
        return; /* no buffer is free: TCP sends it again */
    }
    pbuf_take(packet, frame, packet->tot_len);
    if (netif->input(packet, netif) != ERR_OK) {
        pbuf_free(packet);
    }
}

void lan9118_poll(struct netif *netif)
{
    while (RX_FIFO_INF & STATUSES_WAITING) {
        take_frame(netif);
    }
}

err_t lan9118_init(struct netif *netif, uintptr_t registers, const uint8_t address[6])
{
    base = (volatile uint8_t *) registers;
    if (BYTE_TEST != BYTES_IN_ORDER) {
        return ERR_IF;
    }
    HW_CFG = SOFT_RESET;
    while (HW_CFG & SOFT_RESET) {
    }
    HW_CFG = TX_FIFO_5_KIB;
    RX_CFG = 0;
    INT_EN = 0;
    mac_write(ADDRL, address[0] | (uint32_t) address[1] << 8 | (uint32_t) address[2] << 16 |
                         (uint32_t) address[3] << 24);
    mac_write(ADDRH, address[4] | (uint32_t) address[5] << 8);
    mac_write(MAC_CR, mac_read(MAC_CR) | MAC_TX_AND_RX_ON);
    TX_CFG = TX_ON;

    memcpy(netif->hwaddr, address, 6);
    netif->hwaddr_len = 6;
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->mtu = 1500;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    return ERR_OK;
}
