"""What MQTT clients give of their own: PubSubClient, mosquitto and paho, lwmqtt (MQTT by 256dpi), ArduinoMqttClient.

Read from their headers; mosquitto's and paho's are compared in tests/interop/test_error_codes.py.
"""

from __future__ import annotations

from sealmq.kit.codes.code import Code
from sealmq.kit.codes.table import read_table

_PUBSUBCLIENT = """
-4 MQTT_CONNECTION_TIMEOUT no_connack the broker did not answer CONNECT in time
-3 MQTT_CONNECTION_LOST lost the connection was lost
-2 MQTT_CONNECT_FAILED connect_failed TCP or TLS could not be connected: MQTT has not begun
-1 MQTT_DISCONNECTED disconnected the client is not connected
"""

_MOSQUITTO = """
-4 AUTH_CONTINUE again the authentication goes on
-3 NO_SUBSCRIBERS ok nobody has subscribed
-2 SUB_EXISTS ok the subscription is there already
-1 CONN_PENDING again the connection is being made
0 SUCCESS ok no error
1 NOMEM memory there was no memory
2 PROTOCOL mqtt_broken something that is not MQTT came; clients before 2.0.16 say it for a wrong host name, too
3 INVAL misuse an argument is wrong, such as a cafile that is not there | Invalid arguments provided
    | Problem setting TLS options | Unable to load CA certificates, check cafile
4 NO_CONN disconnected the client is not connected | The client is not currently connected
5 CONN_REFUSED not_authorized the broker refused CONNECT: its return code says why | The connection was refused
6 NOT_FOUND other there is no message of this number
7 CONN_LOST lost the connection was lost; in a TLS connection often: the broker refused the certificate and closed
    | The connection was lost
8 TLS connect_failed TLS failed: mosquitto_pub -d prints the reason of OpenSSL | A TLS error occurred
9 PAYLOAD_SIZE mqtt_large the message is too large
10 NOT_SUPPORTED not_built this was not built in | This feature is not supported
11 AUTH not_authorized the client may not do this | Authorisation failed
12 ACL_DENIED access an access rule forbids this topic | Access denied by ACL
13 UNKNOWN internal an error that is not named
14 ERRNO connect_failed a call of the system failed: errno says why
15 EAI dns the host name could not be resolved | Unable to connect (Lookup error.) | Name or service not known
16 PROXY connect_failed the SOCKS proxy refused
17 PLUGIN_DEFER again the plugin leaves the decision to others
18 MALFORMED_UTF8 topic a text is not UTF-8
19 KEEPALIVE keep_alive no answer came to PINGREQ
20 LOOKUP dns the host name could not be resolved
21 MALFORMED_PACKET mqtt_broken a packet could not be taken apart
22 DUPLICATE_PROPERTY mqtt_broken a property came twice
23 TLS_HANDSHAKE connect_failed the TLS handshake failed
24 QOS_NOT_SUPPORTED feature the broker does not offer this QoS
25 OVERSIZE_PACKET mqtt_large a packet is larger than the broker allows
26 OCSP ocsp the OCSP answer is missing or wrong
27 TIMEOUT silent nobody answered in time
28 RETAIN_NOT_SUPPORTED feature the broker keeps no retained messages
29 TOPIC_ALIAS_INVALID topic the topic alias is wrong
30 ADMINISTRATIVE_ACTION admin whoever runs the broker ended the connection
31 ALREADY_EXISTS other it is there already
"""

_MOSQUITTO_TEXTS = """
- HOST_NAME_VERIFICATION name the certificate does not carry the name that was dialled | host name verification failed
- PROTOCOL_ERROR_AT_BROKER broken the broker's log: the client did not end its handshake, or spoke no TLS
    | disconnected due to protocol error | disconnected: Protocol error
- SOCKET_ERROR_AT_BROKER closed the broker's log: the client closed in the middle | Socket error on client
- ALREADY_CONNECTED taken_over the broker's log: another connection has the same client identifier
    | already connected, closing old connection
- EXCEEDED_TIMEOUT keep_alive the broker's log: nothing came from the client in time
    | has exceeded timeout, disconnecting
- NOT_AUTHORISED_AT_BROKER not_authorized the broker's log: the client may not come in | disconnected, not authorised
"""

_PAHO = """
-1 MQTT_ERR_AGAIN again call again
0 MQTT_ERR_SUCCESS ok no error
1 MQTT_ERR_NOMEM memory there was no memory
2 MQTT_ERR_PROTOCOL mqtt_broken something came that MQTT does not allow
3 MQTT_ERR_INVAL misuse an argument is wrong
4 MQTT_ERR_NO_CONN disconnected the client is not connected: publish() came before on_connect, or connecting failed
5 MQTT_ERR_CONN_REFUSED not_authorized the broker refused CONNECT
6 MQTT_ERR_NOT_FOUND other there is no message of this number
7 MQTT_ERR_CONN_LOST lost the connection was lost
8 MQTT_ERR_TLS connect_failed TLS failed
9 MQTT_ERR_PAYLOAD_SIZE mqtt_large the message is too large
10 MQTT_ERR_NOT_SUPPORTED not_built this is not supported
11 MQTT_ERR_AUTH not_authorized the client may not do this
12 MQTT_ERR_ACL_DENIED access an access rule forbids this topic
13 MQTT_ERR_UNKNOWN internal an error that is not named
14 MQTT_ERR_ERRNO connect_failed a call of the system failed
15 MQTT_ERR_QUEUE_SIZE too_much the client's own queue is full
16 MQTT_ERR_KEEPALIVE keep_alive no answer came to PINGREQ
"""

_LWMQTT = """
0 LWMQTT_SUCCESS ok no error
-1 LWMQTT_BUFFER_TOO_SHORT mqtt_large the client's buffer is too small: MQTTClient client(1024)
-2 LWMQTT_VARNUM_OVERFLOW mqtt_broken a length in a packet is not possible
-3 LWMQTT_NETWORK_FAILED_CONNECT connect_failed TCP or TLS could not be connected
-4 LWMQTT_NETWORK_TIMEOUT silent nobody answered in time
-5 LWMQTT_NETWORK_FAILED_READ lost reading from the network failed
-6 LWMQTT_NETWORK_FAILED_WRITE lost writing to the network failed
-7 LWMQTT_REMAINING_LENGTH_OVERFLOW mqtt_large a packet is larger than the buffer
-8 LWMQTT_REMAINING_LENGTH_MISMATCH mqtt_broken a packet is shorter or longer than it says
-9 LWMQTT_MISSING_OR_WRONG_PACKET no_connack another packet came than was awaited, or none
-10 LWMQTT_CONNECTION_DENIED not_authorized the broker refused CONNECT: client.returnCode() says why
-11 LWMQTT_FAILED_SUBSCRIPTION access the broker refused the subscription
-12 LWMQTT_SUBACK_ARRAY_OVERFLOW mqtt_broken SUBACK has too many answers
-13 LWMQTT_PONG_TIMEOUT keep_alive no answer came to PINGREQ
"""

_ARDUINO = """
-2 MQTT_CONNECTION_REFUSED connect_failed TCP or TLS could not be connected: MQTT has not begun
"""

CODES: tuple[Code, ...] = (
    *read_table("pubsubclient", "", _PUBSUBCLIENT),
    *read_table("mosquitto", "MOSQ_ERR_", _MOSQUITTO),
    *read_table("mosquitto", "", _MOSQUITTO_TEXTS),
    *read_table("paho", "", _PAHO),
    *read_table("arduino-mqtt", "", _LWMQTT),
    *read_table("arduino-mqtt", "", _ARDUINO, version="ArduinoMqttClient"),
)
"""States and errors of clients."""
