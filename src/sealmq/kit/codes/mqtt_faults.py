"""What goes wrong with MQTT once TLS is up: the causes in order, and what mends it.

Sources: MQTT 5.0 sections 2.4, 3.2.2.2 and 3.14.2.1; MQTT 3.1.1 section 3.2.2.3.
"""

from __future__ import annotations

from sealmq.kit.codes.code import Fault, Side

_RULES = "sealmq access check NAME publish TOPIC says which rule decides; [[access]] in sealmq.toml"
_ACL = "look at acl_file (topic readwrite ...), and restart or SIGHUP"

_MQTT = (
    Fault(
        name="mqtt_version",
        side=Side.THERE,
        causes=("the client speaks a version of MQTT that the broker does not: MQTT 5 to a broker of 3.1.1, or 3.1",),
        device="set the client to MQTT 3.1.1 (level 4), which every broker speaks, or to 5",
        sealmq="it speaks 3.1.1 and 5.0, not 3.1",
        mosquitto="it speaks 3.1, 3.1.1 and, since 1.6, 5.0; accept_protocol_versions narrows that",
    ),
    Fault(
        name="client_id",
        side=Side.THERE,
        causes=(
            "the client identifier is empty, and clean session is off",
            "it is too long, or has characters that the broker does not allow",
            "the broker wants it to be the name of the certificate",
        ),
        device="set a client identifier of its own for each device: the certificate's name is a good one",
        mosquitto="clientid_prefixes and use_username_as_clientid in mosquitto.conf",
    ),
    Fault(
        name="login",
        side=Side.THERE,
        causes=(
            "user name or password is wrong",
            "none was sent, and the broker asks for both",
            "the user was not loaded: the password file was changed and the broker not told",
        ),
        device="set user name and password; look for a line end at the end of the password",
        sealmq="sealmq account list; sealmq account password NAME sets a new one",
        mosquitto="mosquitto_passwd FILE NAME, then SIGHUP; password_file must name FILE",
    ),
    Fault(
        name="not_authorized",
        side=Side.THERE,
        causes=(
            "no user name was sent, and the broker lets nobody in without one (mosquitto 2: allow_anonymous is false)",
            "user name or password is wrong: many brokers of 3.1.1 say 5 for it, too",
            "an access rule forbids the client, the topic or the will",
            "the device was held or revoked",
        ),
        device="show the certificate, or send user name and password, that the broker knows",
        sealmq=f"sealmq device show NAME; {_RULES}",
        mosquitto=f"use_identity_as_username true takes the certificate's name; else password_file; {_ACL}",
    ),
    Fault(
        name="access",
        side=Side.THERE,
        causes=("an access rule forbids this topic", "the topic is misspelt, or begins with another name than allowed"),
        device="publish and subscribe below the topics that the rules allow",
        sealmq=_RULES,
        mosquitto=_ACL,
    ),
    Fault(
        name="server_unavailable",
        side=Side.THERE,
        causes=("the broker starts, stops or is overloaded", "a part that it needs (a database, a bridge) is away"),
        device="connect again after a pause that grows, with some chance in it",
        sealmq="its log says what it waits for",
        mosquitto="its log says why; max_connections may be reached",
    ),
    Fault(
        name="too_much",
        side=Side.THERE,
        causes=("a bound of the broker was met: messages, connections or bytes for one client",),
        device="send less, or more slowly; respect Receive Maximum and Maximum Packet Size of CONNACK",
        sealmq="[limits] in sealmq.toml; $SYS/broker/sealmq/limits/ counts what was met",
        mosquitto="max_connections, max_inflight_messages, max_queued_messages, message_size_limit",
    ),
    Fault(
        name="taken_over",
        side=Side.THERE,
        causes=(
            "another connection came with the same client identifier",
            "the device connected again before the broker knew that the old connection was gone",
            "two devices have the same firmware with one fixed client identifier",
        ),
        device="give each device a client identifier of its own, such as its certificate's name or MAC address",
        sealmq="sealmq device show NAME tells whether a certificate was in two places at once",
        mosquitto="its log says: Client NAME already connected, closing old connection",
    ),
    Fault(
        name="keep_alive",
        side=Side.THERE,
        causes=(
            "the client sent nothing for one and a half times its keep-alive",
            "the program is busy or asleep and does not call the client's loop",
        ),
        device="call the client's loop often; set a keep-alive that is longer than the longest sleep",
    ),
    Fault(
        name="mqtt_broken",
        side=Side.THERE,
        causes=(
            "a packet is not as the standard wants it: a wildcard in a Topic Name, a text that is no UTF-8",
            "two tasks write to one connection at the same time",
            "the client sends something before CONNECT, or CONNECT twice",
        ),
        device="update the client library; publish to topics without + and #; write from one task only",
        sealmq="its log says which rule was broken",
        mosquitto="log_type all shows the packet before it",
    ),
    Fault(
        name="topic",
        side=Side.THERE,
        causes=(
            "the topic is empty, too long, or has a wildcard where none may be",
            "a topic that begins with $ is the broker's own",
        ),
        device="check the topic: + and # only in subscriptions, # only at the end",
    ),
    Fault(
        name="packet_id",
        side=Side.THERE,
        causes=("client and broker remember different messages: one of the two lost its session",),
        device="begin a new session once (clean start), and store what is in flight if the session is to last",
    ),
    Fault(
        name="payload",
        side=Side.THERE,
        causes=("the payload is not what its properties say (UTF-8)",),
        device="leave the payload format indicator out, or send UTF-8",
    ),
    Fault(
        name="feature",
        side=Side.THERE,
        causes=("the broker does not offer this: its CONNACK said so",),
        device="do without, or read the properties of CONNACK first",
    ),
    Fault(
        name="moved",
        side=Side.THERE,
        causes=("the broker sends its clients to another one",),
        device="connect to the server in the property Server Reference, if you trust who named it",
    ),
    Fault(
        name="admin",
        side=Side.THERE,
        causes=("somebody ended the connection on purpose: the device was revoked, held, or the rules were changed",),
        device="ask who runs the broker",
        sealmq="sealmq log show --device NAME says who did what",
    ),
    Fault(
        name="mqtt_auth",
        side=Side.THERE,
        causes=("the broker does not know the method of extended authentication that was asked for",),
        device="use a certificate, or user name and password",
    ),
    Fault(
        name="connect_failed",
        side=Side.HERE,
        causes=(
            "TLS failed: the root, the host name, the device's certificate, or a clock that is not set",
            "nobody listens at that host and port, or there is no network yet",
            "there was no memory for TLS",
        ),
        device="ask the layer below for its reason, and explain that: lastError(), getLastSSLError(), errno",
        sealmq="its log says what it refused; nothing in it: the device did not get that far",
        mosquitto="its log says what it refused; nothing in it: the device did not get that far",
    ),
    Fault(
        name="no_connack",
        side=Side.HERE,
        causes=(
            "the broker did not answer CONNECT: the port takes something else than MQTT over TLS",
            "the broker refused without a word: certificate, access rules, or protocol version",
            "the network is slow: the client's time for an answer is too short",
        ),
        device="check the port; raise the client's time-out (PubSubClient: setSocketTimeout)",
        sealmq="its log says what it saw of the device",
        mosquitto="its log says what it saw of the device: log_type all",
    ),
    Fault(
        name="lost",
        side=Side.HERE,
        causes=(
            "the network went away, or the device left the Wi-Fi",
            "the broker closed: another client with the same identifier, keep-alive, or access rules",
        ),
        device="connect again after a pause that grows; give each device a client identifier of its own",
        sealmq="its log says why it closed",
        mosquitto="its log says why it closed",
    ),
    Fault(
        name="disconnected",
        side=Side.HERE,
        causes=("the client is not connected: it was closed in order, or has not connected yet",),
        device="connect first, and look at what connecting gives",
    ),
    Fault(
        name="mqtt_large",
        side=Side.HERE,
        causes=("a message is larger than the client's buffer, or than the broker allows",),
        device="enlarge the buffer (PubSubClient: setBufferSize), or send smaller messages",
        sealmq="[limits] in sealmq.toml has the largest packet",
        mosquitto="message_size_limit and max_packet_size",
    ),
)

MQTT_FAULTS: dict[str, Fault] = {fault.name: fault for fault in _MQTT}
"""By name."""
