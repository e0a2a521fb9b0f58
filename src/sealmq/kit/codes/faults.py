"""What goes wrong with TLS, certificates and the network, once for all libraries: causes, and what mends it.

Sources: the meaning of alerts in RFC 8446 section 6.2, of checks on a chain in RFC 5280 section 6.1. The causes are in
the order in which people meet them.
"""

from __future__ import annotations

from sealmq.kit.codes.code import Fault, Side

_BUNDLE = "sealmq device add NAME --target TARGET writes root, certificate and key in the form that the firmware takes"
_NO_ERROR = "nothing failed"

_TLS = (
    Fault(
        name="ok",
        side=Side.NOBODY,
        causes=(_NO_ERROR,),
        device="nothing needs to be done",
    ),
    Fault(
        name="again",
        side=Side.NOBODY,
        causes=("the socket has nothing to read, or no room to write, at this moment",),
        device="call the same function again when the socket is ready; give up only after a time of your own",
    ),
    Fault(
        name="untrusted",
        side=Side.HERE,
        causes=(
            "the device has no root certificate, or that of another authority than the broker's",
            "the root was damaged on its way into the firmware: a line, a \\n or the closing NUL is missing",
            "the broker sends its own certificate without the intermediate that signed it",
            "somebody in between (a proxy, a captive portal) shows a certificate of his own",
        ),
        device="load the root certificate of the broker's authority before the handshake",
        sealmq=f"{_BUNDLE}; the root alone is ca/root.pem in the home",
        mosquitto="put the intermediate behind the broker's own certificate in certfile; "
        "give the device the root that signed it",
    ),
    Fault(
        name="check",
        side=Side.HERE,
        causes=(
            "the device has no root certificate, or that of another authority than the broker's",
            "the device dials by an IP address or a name that the broker's certificate does not carry",
            "the device's clock is not set, so that no certificate is valid yet",
            "the broker sends its own certificate without the intermediate that signed it",
        ),
        device="load the root of the broker's authority, dial a name that is in the certificate, set the clock first",
        sealmq=_BUNDLE,
        mosquitto="put the intermediate behind the broker's own certificate in certfile; it needs subjectAltName",
    ),
    Fault(
        name="device_untrusted",
        side=Side.THERE,
        causes=(
            "the device's certificate is of another authority than the one that the broker trusts for devices",
            "the device shows its certificate without the intermediate that signed it",
            "the broker's authority was made anew, and the device still has its old certificate",
        ),
        device="load the certificate that this broker's authority gave out, with the intermediates behind it",
        sealmq="make a new one: sealmq device add NAME; sealmq log show --device NAME tells what was given out",
        mosquitto="cafile must hold the authority that signed the devices' certificates, with its intermediates",
    ),
    Fault(
        name="name",
        side=Side.HERE,
        causes=(
            "the device dials by an IP address or a name that the broker's certificate does not carry",
            "the broker has a new address, and its certificate is from before",
            "the TLS library was told another host name than the one that was dialled",
        ),
        device="dial a name that is in the certificate's subjectAltName, and tell the TLS library the same name",
        sealmq='[certificate] names = ["NAME"] in sealmq.toml, then: sealmq ca renew-broker',
        mosquitto="make the certificate in certfile anew with subjectAltName=DNS:NAME or IP:ADDRESS",
    ),
    Fault(
        name="no_host_name",
        side=Side.HERE,
        causes=("the library was not told whom it talks to, so it cannot compare the certificate's name",),
        device="set the host name before the handshake",
    ),
    Fault(
        name="expired",
        side=Side.HERE,
        causes=(
            "the certificate is past its last day",
            "the clock of the side that checked is ahead",
            "an intermediate or the root is past its last day, not the certificate itself",
        ),
        device="set the clock (SNTP) before the handshake; a device's own certificate: make it a new one",
        sealmq="the broker renews its own: sealmq ca renew-broker; a device's: sealmq renew, or sealmq device add NAME",
        mosquitto="make the certificate in certfile anew, then send mosquitto a SIGHUP",
    ),
    Fault(
        name="clock",
        side=Side.HERE,
        causes=(
            "the device's clock is not set: after power-on it says 1970 or 2000, before the certificate begins",
            "the certificate was made on a machine whose clock is ahead",
        ),
        device="set the clock (SNTP, or a battery-backed clock) before the handshake",
        sealmq="check the clock of the broker's machine: date -u",
        mosquitto="check the clock of the broker's machine: date -u",
    ),
    Fault(
        name="revoked",
        side=Side.HERE,
        causes=("the authority took the certificate back, on purpose", "it is on hold for a while"),
        device="ask who runs the broker for a new certificate",
        sealmq="sealmq device show NAME says why; sealmq device release NAME, or sealmq device add NAME",
        mosquitto="make the device a new certificate; crlfile lists the one that was shown",
    ),
    Fault(
        name="purpose",
        side=Side.HERE,
        causes=(
            "a certificate for clients is shown by a server, or the other way round (extended key usage)",
            "the key usage does not allow signatures",
            "a certificate that is no authority's has signed another",
        ),
        device="show a certificate with extended key usage clientAuth; the broker's needs serverAuth",
        sealmq="sealmq device add NAME for a device; the broker has its own, made by sealmq up",
        mosquitto="make the certificate in certfile with extendedKeyUsage=serverAuth",
    ),
    Fault(
        name="weak",
        side=Side.HERE,
        causes=(
            "a key is too short (RSA below 2048 bits), or of a curve that is not allowed",
            "a certificate is signed with SHA-1 or MD5",
            "the library was built without the curve or hash that the certificate uses",
        ),
        device="use P-256 keys and ECDSA with SHA-256 everywhere, and turn both on in the library's configuration",
        sealmq="sealmq device add NAME makes P-256 keys",
        mosquitto="make the certificates anew: openssl ecparam -name prime256v1 -genkey",
    ),
    Fault(
        name="no_certificate",
        side=Side.HERE,
        causes=(
            "the broker asks for a certificate, and the device has none loaded",
            "only the certificate was loaded and not its key, so that the library shows none",
            "the certificate fits none of the authorities or signatures that the broker named",
        ),
        device="load the device's certificate and its private key before the handshake",
        sealmq=f'{_BUNDLE}; or auth = "password" on this listener',
        mosquitto="mosquitto_pub --cert device.pem --key device.key; or require_certificate false on this listener",
    ),
    Fault(
        name="key_mismatch",
        side=Side.HERE,
        causes=(
            "the private key belongs to another certificate",
            "certificate and key were exchanged, or one of the two is from an older set",
        ),
        device="compare: openssl pkey -in device.key -pubout and openssl x509 -in device.pem -noout -pubkey "
        "must print the same",
        sealmq="take both from one bundle: sealmq device add NAME",
        mosquitto="keyfile must be the key of the first certificate in certfile",
    ),
    Fault(
        name="pem",
        side=Side.HERE,
        causes=(
            "it is DER where PEM is expected, or the other way round",
            "PEM text lost its line ends or its -----BEGIN line when it was put into a string or a file",
            "the length that was given leaves the closing NUL out, which PEM parsers want counted",
            "it is another thing than it is taken for: a key, a request or a certificate",
        ),
        device="check it on a computer: openssl x509 -in FILE -noout -text (a key: openssl pkey -in FILE -noout)",
        sealmq=_BUNDLE,
        mosquitto="certfile, keyfile and cafile are PEM: openssl x509 -in FILE.der -inform DER -out FILE.pem",
    ),
    Fault(
        name="password",
        side=Side.HERE,
        causes=("the private key's file is encrypted, and no passphrase or a wrong one was given",),
        device="write the key without a passphrase: openssl pkey -in device.key -out plain.key",
        sealmq="device keys are written without a passphrase: sealmq device add NAME",
        mosquitto="keyfile must be readable without a passphrase, or mosquitto asks for it at its terminal",
    ),
    Fault(
        name="suite",
        side=Side.HERE,
        causes=(
            "the two have no cipher suite in common: the device offers only CBC, RSA key exchange, CCM-8 or PSK",
            "no group in common: the library was built without P-256 and X25519",
            "the certificate's key (RSA or ECDSA) fits none of the suites or signatures that are offered",
            "in TLS 1.2, a certificate was asked for and none was shown",
        ),
        device="turn on ECDHE with AES-GCM or ChaCha20-Poly1305, P-256, and ECDSA with SHA-256",
        sealmq="nothing to be set: it takes ECDHE with AES-GCM or ChaCha20-Poly1305, in TLS 1.2 and 1.3; where "
        'profile = "post-quantum" is set, only with X25519MLKEM768, which pyopenssl has: --middleware pyopenssl; where '
        'auth = "psk" is set, it takes pre-shared keys alone: --psk-file, or another port',
        mosquitto="look at ciphers and ciphers_tls1.3 of the listener; leave them out for OpenSSL's own list",
    ),
    Fault(
        name="version",
        side=Side.HERE,
        causes=(
            "the device offers only TLS 1.0 or 1.1, which are forbidden today (RFC 8996)",
            "the broker allows only TLS 1.3, and the device's library has 1.2",
            "the other side does not speak TLS at all, and its answer was taken for a version",
        ),
        device="turn on TLS 1.2 or 1.3 in the library",
        sealmq='profile = "default" in [tls] of sealmq.toml allows 1.2 and 1.3; "modern" only 1.3',
        mosquitto="tls_version of the listener is the lowest that it allows: tls_version tlsv1.2",
    ),
    Fault(
        name="not_tls",
        side=Side.HERE,
        causes=(
            "the port speaks something else: 1883 is MQTT without TLS, 8883 with it; 9001, 8083 and 8084 are WebSocket",
            "the broker listens there without a certificate, so without TLS",
            "a proxy or load balancer in between takes TLS away, or answers in HTTP",
        ),
        device="dial the port that takes TLS, usually 8883",
        sealmq="every port of SealMQ takes TLS alone: sealmq up prints them",
        mosquitto="certfile and keyfile belong below the listener 8883 line that they are meant for",
    ),
    Fault(
        name="alert_heard",
        side=Side.THERE,
        causes=(
            "the broker refused the device's certificate: unknown authority, expired, revoked, or none shown",
            "the two have no cipher suite, group or version in common (it came before any certificate)",
            "the broker's log names the reason",
        ),
        device="find the alert's number: turn the library's debug log on, then sealmq explain alert NUMBER",
        sealmq="its log says which alert it sent and why; sealmq log show --device NAME",
        mosquitto="its log has a line OpenSSL Error[0] at that moment: sealmq explain with that line",
    ),
    Fault(
        name="broken",
        side=Side.HERE,
        causes=(
            "something in between changes or cuts bytes",
            "two tasks use one connection at the same time",
            "one of the two libraries has a fault; an old one at the other end",
            "what came is not TLS at all",
        ),
        device="use a connection from one task only; update the TLS library; look at the first bytes on the wire",
        sealmq="its log says what it saw; sealmq handshake HOST:PORT shows the handshake message by message",
        mosquitto="log_type all, then connect again; sealmq handshake HOST:PORT shows it message by message",
    ),
    Fault(
        name="corrupted",
        side=Side.HERE,
        causes=(
            "a record was altered on its way, or its bytes were received in the wrong order",
            "two tasks read or write one connection at the same time, or a receive buffer was overwritten",
            "the two sides have different keys: a wrong pre-shared key, or broken hardware acceleration",
        ),
        device="use a connection from one task only; try without hardware acceleration; look for memory overwritten",
    ),
    Fault(
        name="large",
        side=Side.HERE,
        causes=(
            "a record or message is longer than the buffer of the library: certificates make the longest messages",
            "the chain carries more certificates than are needed",
        ),
        device="enlarge the receive buffer (16 KiB holds every record), or ask for max_fragment_length",
        sealmq="[tls] max_record = 1024 in sealmq.toml; the chain is two P-256 certificates already",
        mosquitto="send a short chain of P-256 certificates in certfile; max_fragment_length is answered by OpenSSL",
    ),
    Fault(
        name="memory",
        side=Side.HERE,
        causes=(
            "the heap has no piece that is large enough: TLS takes 20 to 40 KB at its beginning, in pieces of 16 KB",
            "the heap is in fragments: many connections were made and freed",
            "a connection before was not freed (mbedtls_ssl_free, wolfSSL_free, client.stop())",
        ),
        device="print the largest free block before the handshake; make the TLS buffers smaller, or use PSRAM",
        sealmq="[tls] max_record = 4096 in sealmq.toml lets the device have a smaller receive buffer",
    ),
    Fault(
        name="random",
        side=Side.HERE,
        causes=(
            "the random generator was not seeded, or its hardware is not running",
            "on an ESP32, the radio or the bootloader's random source is off",
        ),
        device="start the hardware generator and seed the library's (mbedtls_ctr_drbg_seed) before anything else",
    ),
    Fault(
        name="misuse",
        side=Side.HERE,
        causes=(
            "a function was called with a wrong argument, or in the wrong order",
            "the connection or configuration was not set up, or freed already",
        ),
        device="check the return value of each set-up call before the one that failed",
    ),
    Fault(
        name="not_built",
        side=Side.HERE,
        causes=("the library was built without this feature",),
        device="turn the feature on in the library's configuration (mbedtls_config.h, user_settings.h, menuconfig)",
    ),
    Fault(
        name="internal",
        side=Side.HERE,
        causes=("the library met a state that it does not expect", "memory was overwritten"),
        device="update the library; look for a stack that is too small (8 KB for a TLS task is a good start)",
    ),
    Fault(
        name="hardware",
        side=Side.HERE,
        causes=("the crypto accelerator or secure element did not answer, or gave an error",),
        device="check clock, power and driver of the accelerator; try once with the software code",
    ),
    Fault(
        name="certificate",
        side=Side.HERE,
        causes=(
            "a field of the certificate is not as RFC 5280 wants it",
            "the certificate was cut off or damaged when it was put into the firmware",
            "it has an extension or algorithm that the library does not know",
        ),
        device="look at it on a computer: openssl x509 -in FILE -noout -text",
        sealmq=_BUNDLE,
        mosquitto="make the certificate anew: version 3, P-256, SHA-256, subjectAltName",
    ),
    Fault(
        name="crl",
        side=Side.HERE,
        causes=(
            "the revocation list is missing, expired or of another authority",
            "a new authority has no list yet",
        ),
        device="fetch the list anew, or turn the check off if nobody publishes one",
        sealmq="sealmq ca crl writes a new one; the broker needs none to be fetched",
        mosquitto="crlfile must hold a list of every authority in the chain that is not expired",
    ),
    Fault(
        name="ocsp",
        side=Side.HERE,
        causes=(
            "the responder of the authority did not answer, or does not know the certificate",
            "a private authority has no responder",
        ),
        device="turn OCSP off for a private authority",
    ),
    Fault(
        name="psk",
        side=Side.HERE,
        causes=("the pre-shared key or its identity is not the one that the other side has",),
        device="compare identity and key, byte by byte; or use certificates",
        sealmq='a listener with auth = "psk" takes keys, the others certificates; sealmq device show NAME says whether '
        "its key counts, sealmq device add NAME --psk makes one",
        mosquitto="psk_file has lines IDENTITY:HEXKEY; psk_hint and use_identity_as_username go with it",
    ),
    Fault(
        name="ticket",
        side=Side.HERE,
        causes=("an old session was to be resumed, and the other side does not have it any more",),
        device="forget the stored session and make a full handshake",
    ),
    Fault(
        name="alpn",
        side=Side.HERE,
        causes=("the device asks for an application protocol (ALPN) that the broker does not speak",),
        device='leave ALPN off, or ask for "mqtt"',
        mosquitto="mosquitto takes any; a proxy in front of it may not",
    ),
    Fault(
        name="server_name",
        side=Side.THERE,
        causes=("the server name (SNI) is none that the other side serves",),
        device="dial by the name that the broker's certificate carries, and set the same as host name",
        sealmq='[certificate] names = ["NAME"] in sealmq.toml, then: sealmq ca renew-broker',
    ),
    Fault(
        name="renegotiation",
        side=Side.HERE,
        causes=("one side wanted a second handshake on the same connection, which is off nearly everywhere",),
        device="turn renegotiation off; connect anew instead",
    ),
    Fault(
        name="denied",
        side=Side.THERE,
        causes=("the certificate is good, but its owner may not come in",),
        device="ask who runs the broker",
        sealmq="sealmq device show NAME says whether it is held or revoked",
        mosquitto="look at acl_file, and at use_identity_as_username or use_subject_as_username",
    ),
    Fault(
        name="closed",
        side=Side.THERE,
        causes=(
            "the broker refused the certificate or the CONNECT and closed without a word",
            "the broker ended the connection in order: it stops, or another client took the client identifier",
            "the connection was idle for longer than a router or the keep-alive allows",
            "the port takes no TLS",
        ),
        device="connect again; send PINGREQ in time; give each device a client identifier of its own",
        sealmq="its log says why it closed; sealmq handshake HOST:PORT shows after which message",
        mosquitto="its log says why it closed: log_type all in mosquitto.conf",
    ),
    Fault(
        name="reset",
        side=Side.NETWORK,
        causes=(
            "the broker's program ended, or closed with bytes unread",
            "a firewall or router forgot or forbids the connection",
            "the port belongs to a program that does not speak TLS",
        ),
        device="check host and port; connect again after a pause that grows",
        sealmq="is it running? sealmq up; its log says what it closed",
        mosquitto="is it running? systemctl status mosquitto",
    ),
    Fault(
        name="refused",
        side=Side.NETWORK,
        causes=(
            "nobody listens at this port: the broker is not running, or on another port",
            "it listens on localhost alone, as mosquitto 2 does without a listener line",
            "a firewall refuses",
        ),
        device="check host and port: 8883 is usual for MQTT over TLS",
        sealmq="start it: sealmq up; another address: sealmq up --listen 0.0.0.0:8883",
        mosquitto="add listener 8883 0.0.0.0 to mosquitto.conf; look: ss -ltn",
    ),
    Fault(
        name="unreachable",
        side=Side.NETWORK,
        causes=(
            "the address is of another network, and there is no way to it",
            "Wi-Fi or Ethernet is not up yet, or has no address",
            "a firewall drops the packets",
        ),
        device="wait for the address (DHCP) before connecting; try ping to the broker from the same network",
        sealmq="sealmq up prints the addresses at which it can be reached",
        mosquitto="listener 8883 0.0.0.0 in mosquitto.conf listens at all addresses",
    ),
    Fault(
        name="dns",
        side=Side.NETWORK,
        causes=(
            "the host name is unknown, or misspelt",
            "no DNS server is set, or it cannot be reached",
            "a .local name needs mDNS, which the device does not speak",
        ),
        device="try the broker's address in place of its name; set a DNS server; start mDNS for .local names",
        sealmq='[certificate] names = ["ADDRESS"] in sealmq.toml puts an address into the certificate',
        mosquitto="an address must be in the certificate too: subjectAltName=IP:ADDRESS",
    ),
    Fault(
        name="silent",
        side=Side.NETWORK,
        causes=(
            "a firewall drops the packets, or the broker is overloaded",
            "the port belongs to a program that waits for the other side to speak first",
            "the link is so slow that the handshake does not end in time",
        ),
        device="give the handshake 10 seconds and more; check host and port",
        sealmq="look at handshake_timeout in [limits] of sealmq.toml",
        mosquitto="look whether it still answers: mosquitto_sub -t '$SYS/#' -C 1",
    ),
    Fault(
        name="busy_port",
        side=Side.HERE,
        causes=("another program, or a connection that is not quite closed, holds the address",),
        device="close what is open, wait a minute, or take another port",
    ),
    Fault(
        name="sockets",
        side=Side.HERE,
        causes=("there are too many open sockets, or the network is not started yet",),
        device="close sockets that are done (also after a failed connect); raise the number in the configuration",
    ),
    Fault(
        name="file",
        side=Side.HERE,
        causes=("the file is not there, or may not be read by the program's user",),
        device="check path and rights of the file; give the path in full",
        sealmq="keys are of mode 0600 and belong to the user who runs it",
        mosquitto="the user mosquitto must be able to read certfile, keyfile and cafile",
    ),
    Fault(
        name="other",
        side=Side.HERE,
        causes=("a part of the library that an MQTT connection hardly touches",),
        device="look at the call that gave it; if it comes from a handshake, update the library",
    ),
)

TLS_FAULTS: dict[str, Fault] = {fault.name: fault for fault in _TLS}
"""By name."""
