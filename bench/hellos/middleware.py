"""A device with a middleware of ours: python middleware.py NAME HOST PORT, in a folder with its files. Says hello."""

import socket
import sys
from pathlib import Path

from sealmq.tls.middleware import ClientMaterial
from sealmq.tls.middlewares import find
from sealmq.tls.policy import TLSPolicy

name, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
material = ClientMaterial(root=Path("root.pem"), chain=Path("device-chain.pem"), key=Path("device.key"))
connection = find(name).client_context(TLSPolicy(), material).connection(host)
with socket.create_connection((host, port)) as plain:
    plain.sendall(connection.data_to_send())
    plain.recv(1)
