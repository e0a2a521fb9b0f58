"""A client of a Python library: python client.py ssl|OpenSSL|micropython HOST PORT; runs in MicroPython, too."""

import socket
import sys

library, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
plain = socket.socket()
plain.connect(socket.getaddrinfo(host, port, 2, 1)[0][-1])  # 2, 1: AF_INET, SOCK_STREAM
if library == "OpenSSL":
    from OpenSSL import SSL

    connection = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), plain)
    connection.set_tlsext_host_name(host.encode())
    connection.set_connect_state()
    connection.do_handshake()
elif library == "micropython":
    import ssl

    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(plain, server_hostname=host)
else:
    import ssl

    ssl.create_default_context().wrap_socket(plain, server_hostname=host)
