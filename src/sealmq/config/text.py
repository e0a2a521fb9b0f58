"""The sealmq.toml of the first start: every key with its meaning.

A test reads it, once as it stands and once with every `#key = value` switched on: both must give the defaults.
"""

from __future__ import annotations

from typing import Final

DEFAULT_TEXT: Final = """\
# SealMQ's configuration, in TOML (https://toml.io). A line "#key = value" shows a default: remove the "#" to change it.
# SealMQ reads this file when it starts, and refuses to start when it finds a word here that it does not know.
# `sealmq reload` makes a running broker read it again; a file with a mistake then changes nothing.

# Where to listen: ":8883" is every address of this machine, IPv4 and IPv6; or "127.0.0.1:8883", or "[::1]:8883".
#listen = []

# A listener that asks for another proof than a certificate has a table of its own, anywhere below this line:
#   [[listener]]
#   address = ":8885"
#   auth = "password"      "certificate"; "password": CONNECT's user name and password, see `sealmq account add`;
#                          "certificate-and-password": both; "psk": a pre-shared key (`sealmq device add NAME --psk`),
#                          for devices too small for certificates, with middleware = "wolfssl" or "mbedtls"
#   plaintext = true       without TLS, with auth = "password" only, and only on 127.0.0.1 or [::1] ...
#   anybody_may_read_this = true    ... unless you say so: on the way everybody reads messages and passwords
# middleware, profile and max_record can stand there too, in place of what [tls] says.

[websocket]
# Where to listen for MQTT over WebSocket over TLS (wss://HOST:8084/mqtt), always with certificates; [] is nowhere.
#listen = [":8084"]
# Web pages that may connect from a browser, beside those of the same host and port: ["https://dashboard.example.com"].
#origins = []

[https]
# Where devices fetch and renew their certificates by EST (https://HOST:8443/.well-known/est); [] is nowhere. Its TLS is
# by OpenSSL, whatever [tls] says; where that is post-quantum, which it cannot do: profile = "modern" here.
#listen = [":8443"]

[enrollment]
# Who gets a certificate over the network: who shows a token or a claim, see `sealmq enroll`. true: somebody has to
# approve each new device besides.
#approval = false
# Days for which certificates hold, where a token says nothing else.
#days = 365
# Days after its end for which a certificate can still be renewed (and nothing else); 0 is none.
#late_renewal = 30
# Make keys here for devices that cannot make their own (EST's serverkeygen). Better leave the key where it is used.
#server_keys = false
# A profile of its own, as a path (https://HOST:8443/.well-known/est/line-1/simpleenroll): it narrows what a token
# allows.
#   [[enrollment.label]]
#   name = "line-1"
#   prefix = "pump-"       names begin with it
#   days = 90              at most
#   approval = true

[tls]
# "default" is TLS 1.2 and 1.3; "modern" is TLS 1.3 only; "post-quantum" is TLS 1.3 with a hybrid group only.
#profile = "default"
# The TLS library: "openssl", "pyopenssl", "mbedtls" ("mbedtls-3.6" or "mbedtls-2.28" for that one alone), "wolfssl".
# What each can do here, and what to install: sealmq middleware.
#middleware = "openssl"
# Bytes of the largest TLS record that is sent, 512 to 16384: lower it for microcontrollers with a small buffer.
#max_record = 16384

[certificate]
# DNS names and addresses for the broker's certificate, beside those that are found here: ["broker.example.com"].
#names = []
# Write each address as a DNS name too: only for clients of Mbed TLS before 3.5, which can't compare addresses.
#addresses_as_dns_names = false

[limits]
# Seconds from a new connection to the end of its TLS handshake, and of its WebSocket handshake where there is one.
#handshake_timeout = 10
# Seconds from the end of the handshake to the whole CONNECT.
#connect_timeout = 10
# Bytes of the largest packet that a connected client may send.
#packet_size = 1_048_576
# Bytes of the largest packet before CONNECT was accepted.
#first_packet_size = 65_536
# Clients that are connected at the same time.
#connections = 10_000
# The same from one address, and for one device or account.
#connections_per_address = 8_000
#connections_per_identity = 5_000
# Connections that wait for their turn to begin a handshake, and how many may begin each second.
#connections_waiting = 8_000
#connections_per_second = 2_000
#connections_per_second_per_address = 1_000
# Clients that are on their way in at the same time: handshake and CONNECT.
#handshakes = 1_000
#handshakes_per_address = 500
# Seconds: the longest keep-alive; who asks for more or for none is told this one (MQTT 5).
#keep_alive_maximum = 3_600
# QoS 1 and 2 messages that a client may have unacknowledged towards the broker.
#receive_maximum = 1_000
# QoS 1 and 2 messages that the broker has unacknowledged towards one client.
#in_flight = 1_000
# Messages that wait for one absent or slow client.
#queued_messages = 100_000
# Bytes of memory that waiting messages may cost for one absent or slow client.
#queued_bytes = 33_554_432
# The same for all sessions of one device or account, and for everybody together.
#queued_bytes_per_identity = 1_073_741_824
#queued_bytes_in_all = 4_294_967_296
# Sessions, connected or not, in all and of one device or account.
#sessions = 100_000
#sessions_per_identity = 10_000
# Seconds that a session outlives its connection at most (30 days); 4294967295 is for ever.
#session_expiry_maximum = 2_592_000
# Subscriptions of one client.
#subscriptions_per_session = 1_000
# The same for all sessions of one device or account.
#subscriptions_per_identity = 200_000
# Bytes of a client identifier.
#client_id_length = 256
# Levels of a topic: "a/b" has two.
#topic_levels = 32
# Bytes of a topic.
#topic_length = 65_535
# Topic aliases in each direction (MQTT 5).
#topic_alias_maximum = 16
# Bytes that wait for the socket of one slow reader.
#buffered_bytes = 1_048_576
# Retained messages in all.
#retained_messages = 100_000
# Retained messages that one device or account published.
#retained_messages_per_identity = 50_000
# Bytes of all retained messages, and of those of one device or account.
#retained_bytes = 268_435_456
#retained_bytes_per_identity = 134_217_728

[log]
# The least grave thing that is said: "debug", "info", "warning" or "error".
#level = "info"
# Lines of each kind in a minute about what one address has refused (handshakes, passwords); the rest is counted.
#lines_per_address = 20

# Who may do what. The first rule that matches decides; where none matches the answer is no.
#   role = "..."                     whom it is for; or device = "...", or account = "...", which may be patterns
#                                    ("sensor-*"); with none of them: everybody
#   allow = [...] or deny = [...]    "publish", "subscribe" or both
#   topics = [...]                   topic filters; {device}, {account}, {role} and {client_id} stand for the client's
#                                    own, and a topic with {device} is for devices only, one with {account} for
#                                    accounts; "#" does not reach topics that begin with "$"
# `sealmq access check NAME publish TOPIC` says what comes of them.
[[access]]
role = "operator"
allow = ["publish", "subscribe"]
topics = ["#", "$SYS/#"]

[[access]]
role = "device"
allow = ["publish", "subscribe"]
topics = ["devices/{device}/#"]

[[access]]
role = "account"
allow = ["publish", "subscribe"]
topics = ["devices/{account}/#"]
"""
"""The text, with a placeholder where `listen` stands."""
