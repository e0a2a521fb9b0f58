"""lwIP: err_t of its raw and netconn interfaces, and what its MQTT client tells as connection status.

Read from lwip/err.h and lwip/apps/mqtt.h of lwIP 2.1; tests/interop/test_error_codes.py compares.
"""

from __future__ import annotations

from sealmq.kit.codes.code import Code
from sealmq.kit.codes.table import read_table

_ERRORS = """
0 ERR_OK ok no error
-1 ERR_MEM memory a pool or the heap of lwIP is empty: sockets, pbufs or memory for TLS
-2 ERR_BUF memory there is no buffer for the packet
-3 ERR_TIMEOUT silent nobody answered in time
-4 ERR_RTE unreachable there is no way to the address: no interface is up, or it has no gateway
-5 ERR_INPROGRESS again the operation goes on
-6 ERR_VAL misuse a value is not allowed; in the MQTT client a packet that is not as it must be
-7 ERR_WOULDBLOCK again it would have to wait
-8 ERR_USE busy_port the address or port is in use
-9 ERR_ALREADY misuse it connects already
-10 ERR_ISCONN misuse it is connected already
-11 ERR_CONN disconnected it is not connected
-12 ERR_IF unreachable the network interface failed
-13 ERR_ABRT reset the connection was ended on this side: memory, or no answer to what was sent
-14 ERR_RST reset the other side reset the connection
-15 ERR_CLSD closed the other side closed the connection; with TLS also: the handshake failed
-16 ERR_ARG misuse an argument is wrong
"""

_MQTT_STATUS = """
0 MQTT_CONNECT_ACCEPTED ok the broker let the client in
1 MQTT_CONNECT_REFUSED_PROTOCOL_VERSION mqtt_version the broker does not speak this version of MQTT
2 MQTT_CONNECT_REFUSED_IDENTIFIER client_id the broker does not take the client identifier
3 MQTT_CONNECT_REFUSED_SERVER server_unavailable the broker is not available
4 MQTT_CONNECT_REFUSED_USERNAME_PASS login the broker refused user name and password
5 MQTT_CONNECT_REFUSED_NOT_AUTHORIZED_ not_authorized the broker does not let this client in
256 MQTT_CONNECT_DISCONNECTED no_connack the connection ended: every failure of TLS looks like this
257 MQTT_CONNECT_TIMEOUT no_connack the broker did not answer CONNECT in time
"""

CODES: tuple[Code, ...] = (*read_table("lwip", "", _ERRORS), *read_table("lwip", "", _MQTT_STATUS))
"""err_enum_t and mqtt_connection_status_t."""
