"""errno: what the socket calls of an operating system give. Linux and newlib number them differently.

newlib is the C library of ESP-IDF and of most bare-metal toolchains; Zephyr returns them negative. Compared with the
headers in tests/interop/test_error_codes.py and with Python's errno.
"""

from __future__ import annotations

from sealmq.kit.codes.code import Code
from sealmq.kit.codes.table import make, rows

_TABLE = """
2 2 ENOENT file there is no such file | No such file or directory
4 4 EINTR again a signal came in between | Interrupted system call
5 5 EIO hardware reading or writing failed | Input/output error
9 9 EBADF misuse the socket is closed already | Bad file descriptor
11 11 EAGAIN again nothing is there yet; behind a time-out: nobody answered in time | Resource temporarily unavailable
12 12 ENOMEM memory there was no memory | Cannot allocate memory | Not enough space
13 13 EACCES file it is not allowed | Permission denied
22 22 EINVAL misuse an argument is wrong | Invalid argument
23 23 ENFILE sockets too many files and sockets are open in all | Too many open files in system
24 24 EMFILE sockets too many files and sockets are open | Too many open files
32 32 EPIPE reset it wrote to a connection that the other side has closed | Broken pipe
98 112 EADDRINUSE busy_port the address or port is in use | Address already in use
99 125 EADDRNOTAVAIL unreachable the address is none of this machine | Cannot assign requested address
100 115 ENETDOWN unreachable the network interface is down | Network is down
101 114 ENETUNREACH unreachable there is no way to the network | Network is unreachable
103 113 ECONNABORTED reset the connection was ended on this side: no answer came, or the network went away
    | Software caused connection abort
104 104 ECONNRESET reset the other side reset the connection | Connection reset by peer | ConnectionResetError
105 105 ENOBUFS memory there is no buffer for the packet | No buffer space available
107 128 ENOTCONN disconnected the socket is not connected | Socket is not connected
    | Transport endpoint is not connected
110 116 ETIMEDOUT silent nobody answered in time | Connection timed out
111 111 ECONNREFUSED refused nobody listens at this address and port | Connection refused | ConnectionRefusedError
112 117 EHOSTDOWN unreachable the machine is off | Host is down
113 118 EHOSTUNREACH unreachable there is no way to the machine | No route to host | Host is unreachable
114 120 EALREADY misuse it connects already | Operation already in progress
115 119 EINPROGRESS again the connection is being made | Operation now in progress
"""

LINUX: dict[str, int] = {}
"""Name -> number on Linux."""
NEWLIB: dict[str, int] = {}
"""Name -> number in newlib."""


def _read() -> tuple[Code, ...]:
    codes = []
    for line in rows(_TABLE):
        linux, newlib, name, fault, rest = line.split(None, 4)
        meaning, *texts = rest.split(" | ")
        LINUX[name], NEWLIB[name] = int(linux), int(newlib)
        same = linux == newlib
        codes.append(make("errno", name, int(linux), fault, meaning, *texts, version="" if same else "Linux"))
        if not same:
            codes.append(make("errno", name, int(newlib), fault, meaning, version="newlib: ESP-IDF, bare metal"))
    return tuple(codes)


CODES: tuple[Code, ...] = _read()
"""E..., on Linux and in newlib."""
