/* A client of BearSSL, built with what a bundle holds: once as the Arduino core for the ESP8266 does it (PEM in
 * headers), once with -DTASMOTA as Tasmota does it (anchors in headers, 32 octets of key, one certificate).
 *
 *     bearssl_client HOST PORT CLIENT_ID TOPIC [KEY CERTIFICATE]
 *
 * It connects with buffers of 1 kB, sends itself a message, and says what was agreed on.
 */
#include <bearssl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PROGMEM
#define MANY 4
#define LONG 4096

#ifdef TASMOTA
#include "local_ca_data.h"
static br_x509_trust_anchor anchors[] = {
#include "local_ca_descriptor.h"
};
static const size_t anchors_number = sizeof anchors / sizeof anchors[0];
#else
#include "sealmq_certificates.h"
#include "sealmq_key.h"
static br_x509_trust_anchor anchors[MANY];
static size_t anchors_number;
#endif

static void fail(const char *what, int number)
{
    fprintf(stderr, "%s: %d\n", what, number);
    exit(1);
}

struct bytes {
    unsigned char data[LONG];
    size_t length;
};

#ifdef TASMOTA
static struct bytes read_file(const char *name)
{
    struct bytes bytes = {.length = 0};
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        fail(name, 0);
    }
    bytes.length = fread(bytes.data, 1, LONG, file);
    fclose(file);
    return bytes;
}
#else
static void append(void *context, const void *data, size_t length)
{
    struct bytes *bytes = context;
    if (bytes->length + length > LONG) {
        fail("too long", LONG);
    }
    memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
}

/* Every object of a PEM text, as DER. */
static size_t decode_pem(const char *pem, struct bytes *objects)
{
    br_pem_decoder_context decoder;
    size_t number = 0, length = strlen(pem);
    br_pem_decoder_init(&decoder);
    while (length > 0) {
        size_t eaten = br_pem_decoder_push(&decoder, pem, length);
        pem += eaten;
        length -= eaten;
        switch (br_pem_decoder_event(&decoder)) {
        case BR_PEM_BEGIN_OBJ:
            objects[number].length = 0;
            br_pem_decoder_setdest(&decoder, append, &objects[number]);
            break;
        case BR_PEM_END_OBJ:
            number++;
            break;
        case BR_PEM_ERROR:
            fail("this is not PEM", 0);
        }
    }
    return number;
}

/* A root as a trust anchor; the decoder keeps pointers into itself, so it is kept, too. */
static void add_anchor(const struct bytes *root)
{
    br_x509_decoder_context *decoder = calloc(1, sizeof *decoder);
    struct bytes *name = calloc(1, sizeof *name);
    br_x509_decoder_init(decoder, append, name);
    br_x509_decoder_push(decoder, root->data, root->length);
    br_x509_pkey *key = br_x509_decoder_get_pkey(decoder);
    if (key == NULL) {
        fail("this is no certificate", br_x509_decoder_last_error(decoder));
    }
    br_x509_trust_anchor *anchor = &anchors[anchors_number++];
    anchor->dn.data = name->data;
    anchor->dn.len = name->length;
    anchor->flags = br_x509_decoder_isCA(decoder) ? BR_X509_TA_CA : 0;
    anchor->pkey = *key;
}
#endif

static int receive(void *context, unsigned char *data, size_t length)
{
    ssize_t got = read(*(int *)context, data, length);
    return got > 0 ? (int)got : -1;
}

static int transmit(void *context, const unsigned char *data, size_t length)
{
    ssize_t put = write(*(int *)context, data, length);
    return put > 0 ? (int)put : -1;
}

static int dial(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        fail("no such host", 0);
    }
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, found->ai_addr, found->ai_addrlen) != 0) {
        fail("not connected", 0);
    }
    freeaddrinfo(found);
    return connection;
}

static size_t put_text(unsigned char *to, const char *text)
{
    size_t length = strlen(text);
    to[0] = (unsigned char)(length >> 8);
    to[1] = (unsigned char)length;
    memcpy(to + 2, text, length);
    return length + 2;
}

/* Send one packet and read as many octets as its answer has; the first and the last of them are looked at. */
static void ask(br_sslio_context *io, unsigned char *packet, size_t length, unsigned char first, size_t answer_length)
{
    unsigned char answer[8];
    packet[1] = (unsigned char)(length - 2);
    br_sslio_write_all(io, packet, length);
    br_sslio_flush(io);
    if (br_sslio_read_all(io, answer, answer_length) != 0 || answer[0] != first || answer[answer_length - 1] != 0) {
        fail("not the answer that was expected", packet[0]);
    }
}

/* CONNECT, SUBSCRIBE, and a PUBLISH of 3,000 octets at QoS 0 that comes back: longer than our buffer, so it comes only
 * if the broker keeps to the records that we asked for. */
static void talk(br_sslio_context *io, const char *client_id, const char *topic)
{
    static unsigned char sent[3003], received[3003];
    unsigned char packet[256] = {0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60};
    ask(io, packet, 12 + put_text(packet + 12, client_id), 0x20, 4);
    memcpy(packet, "\x82\0\0\1", 4);
    size_t length = 4 + put_text(packet + 4, topic);
    packet[length++] = 0;
    ask(io, packet, length, 0x90, 5);
    memset(sent, 'x', sizeof sent);
    sent[0] = 0x30;
    sent[1] = 3000 % 128 + 128;
    sent[2] = 3000 / 128;
    put_text(sent + 3, topic);
    br_sslio_write_all(io, sent, sizeof sent);
    br_sslio_flush(io);
    if (br_sslio_read_all(io, received, sizeof received) != 0 || memcmp(sent, received, sizeof sent) != 0) {
        fail("a long message did not come back", br_ssl_engine_last_error(io->engine));
    }
}

int main(int argc, char **argv)
{
    static br_ssl_client_context client;
    static br_x509_minimal_context verifier;
    static unsigned char in[1024 + 325], out[1024 + 85]; /* 1 kB, and what a record needs besides */
    static struct bytes certificate[MANY];
    br_ec_private_key key = {.curve = BR_EC_secp256r1};
    (void)argc;
#ifdef TASMOTA
    static struct bytes secret;
    secret = read_file(argv[5]);
    certificate[0] = read_file(argv[6]);
    key.x = secret.data;
    key.xlen = secret.length;
#else
    static struct bytes roots[MANY], secret[MANY];
    static br_skey_decoder_context decoder;
    for (size_t left = decode_pem(SEALMQ_ROOT, roots), at = 0; at < left; at++) {
        add_anchor(&roots[at]);
    }
    if (decode_pem(SEALMQ_CERTIFICATE, certificate) != 1 || decode_pem(SEALMQ_KEY, secret) != 1) {
        fail("one certificate and one key are wanted", 0);
    }
    br_skey_decoder_init(&decoder);
    br_skey_decoder_push(&decoder, secret[0].data, secret[0].length);
    if (br_skey_decoder_get_ec(&decoder) == NULL) {
        fail("this is no key", br_skey_decoder_last_error(&decoder));
    }
    key = *br_skey_decoder_get_ec(&decoder);
#endif
    br_x509_certificate chain = {certificate[0].data, certificate[0].length};
    int connection = dial(argv[1], argv[2]);
    br_ssl_client_init_full(&client, &verifier, anchors, anchors_number);
    time_t now = time(NULL);
    br_x509_minimal_set_time(&verifier, (uint32_t)(now / 86400 + 719528), (uint32_t)(now % 86400));
    br_ssl_engine_set_buffers_bidi(&client.eng, in, sizeof in, out, sizeof out);
    br_ssl_client_set_single_ec(&client, &chain, 1, &key, BR_KEYTYPE_SIGN, BR_KEYTYPE_EC, br_ec_get_default(),
                                br_ecdsa_sign_asn1_get_default());
    br_ssl_client_reset(&client, argv[1], 0);
    br_sslio_context io;
    br_sslio_init(&io, &client.eng, receive, &connection, transmit, &connection);
    if (br_sslio_flush(&io) != 0) {
        fail("BearSSL", br_ssl_engine_last_error(&client.eng));
    }
    talk(&io, argv[3], argv[4]);
    printf("a message of 3000 octets came back through a buffer of 1024\n");
    br_ssl_session_parameters session;
    br_ssl_engine_get_session_parameters(&client.eng, &session);
    printf("cipher suite: %04x\n", session.cipher_suite);
    close(connection);
    return 0;
}
