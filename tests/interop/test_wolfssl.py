"""wolfSSL against its own headers, and against OpenSSL's programs where they say more than `ssl` in memory does: PSK,
which Python has from 3.13 on, renegotiation, and sessions in a file.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from middleware_pairs import (
    DEVICE_PSK,
    POLICIES,
    client_material,
    psk_client_material,
    psk_server_material,
    server_material,
)
from running import WAIT, program, run, running
from sealmq.errors import MiddlewareError, TLSError
from sealmq.tls.middleware import ClientConnection, TLSConnection, TLSContext
from sealmq.tls.wolfssl import declarations
from sealmq.tls.wolfssl.contexts import GROUPS
from sealmq.tls.wolfssl.library import Library
from tls_pairs import Trust
from wolfssl_here import library, wolfssl

pytestmark = pytest.mark.interop

VERSIONS = {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}
INCLUDES = (
    "#include <stddef.h>\n#include <wolfssl/options.h>\n#include <wolfssl/ssl.h>\n#include <wolfssl/wolfcrypt/asn.h>\n"
)


def constants() -> dict[str, int]:
    """What is written in declarations.py, by the headers' own names."""
    here = declarations
    return {
        "WOLFSSL_SUCCESS": here.SUCCESS,
        "WOLFSSL_FILETYPE_PEM": here.PEM,
        "WOLFSSL_FILETYPE_ASN1": here.DER,
        "WOLFSSL_VERIFY_NONE": here.VERIFY_NOBODY,
        "WOLFSSL_VERIFY_PEER": here.VERIFY_PEER,
        "WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT": here.FAIL_IF_NO_PEER_CERT,
        "WOLFSSL_ERROR_WANT_READ": here.WANT_READ,
        "WOLFSSL_ERROR_ZERO_RETURN": here.ZERO_RETURN,
        "WOLFSSL_CBIO_ERR_WANT_READ": here.CALLBACK_WANT_READ,
        "WOLFSSL_TLSV1_2": here.TLSV1_2,
        "WOLFSSL_SNI_HOST_NAME": here.SNI_HOST_NAME,
        "WOLFSSL_SESS_CACHE_OFF": here.SESSION_CACHE_OFF,
        "WOLFSSL_SESS_CACHE_SERVER|WOLFSSL_SESS_CACHE_NO_INTERNAL": here.SESSION_CACHE_OURS,
        "WOLFSSL_TICKET_RET_OK": here.TICKET_OK,
        "WOLFSSL_TICKET_RET_REJECT": here.TICKET_REJECT,
        "WOLFSSL_TICKET_NAME_SZ": here.TICKET_NAME,
        "WOLFSSL_TICKET_IV_SZ": here.TICKET_IV,
        "WOLFSSL_TICKET_MAC_SZ": here.TICKET_MAC,
        "WOLFSSL_ECC_X25519": GROUPS["x25519"],
        "WOLFSSL_ECC_SECP256R1": GROUPS["secp256r1"],
        "sizeof(WOLFSSL_ALERT_HISTORY)": 16,
        "offsetof(WOLFSSL_ALERT_HISTORY, last_tx)": 8,
        "offsetof(WOLFSSL_ALERT, level)": 4,
    }


def test_every_prototype_and_constant_is_the_header_s(tmp_path: Path) -> None:
    compiler = program("gcc", "gcc libwolfssl-dev")
    source = tmp_path / "held.c"
    lines = [f"_Static_assert(({name}) == {value}, #name);" for name, value in constants().items()]
    source.write_text(
        INCLUDES + declarations.TYPES + declarations.NEEDED + declarations.WANTED
        + "\n".join(lines).replace("#name", '"differs"')
    )  # fmt: skip
    run([compiler, "-std=c11", "-fsyntax-only", "-Wall", "-Werror", source])
    source.write_text(source.read_text().replace("int wolfSSL_connect(WOLFSSL*);", "long wolfSSL_connect(WOLFSSL*);"))
    assert subprocess.run([compiler, "-std=c11", "-fsyntax-only", source], capture_output=True, check=False).returncode


def test_a_library_that_is_too_old(tmp_path: Path) -> None:
    source, built = tmp_path / "old.c", tmp_path / "libold.so"
    names = re.findall(r"\b(w\w+)\(", declarations.NEEDED)
    plain = [f"long {name}(void) {{ return 1; }}" for name in names if "lib_version" not in name]
    source.write_text(
        "\n".join(plain)
        + '\nconst char* wolfSSL_lib_version(void) { return "5.4.0"; }\n'
        + "unsigned int wolfSSL_lib_version_hex(void) { return 0x05004000; }\n"
    )
    run([program("gcc", "gcc"), "-shared", "-fPIC", "-o", built, source])
    ffi = library().ffi
    with pytest.raises(MiddlewareError, match=r"wolfSSL 5\.4\.0 is too old") as caught:
        Library(ffi, ffi.dlopen(str(built)))
    assert "apt install" in caught.value.remedy


# -- our listener, OpenSSL's client --------------------------------------------------------------------------------


@contextmanager
def listening(listener: TLSContext, served: list[TLSConnection | TLSError]) -> Iterator[int]:
    """A port where each connection has its first line echoed, and is ended; `served` is what became of each."""
    door = socket.create_server(("127.0.0.1", 0))
    door.settimeout(WAIT)

    def serve() -> None:
        while True:
            try:
                link, _ = door.accept()
            except OSError:
                return
            with link:
                link.settimeout(WAIT)
                connection = listener.connection()
                try:
                    pump(link, connection)
                    served.append(connection)
                except TLSError as error:
                    served.append(error)
                    with contextlib.suppress(OSError):
                        link.sendall(connection.data_to_send())
                except OSError:
                    pass  # the client has left before it heard us out

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield door.getsockname()[1]
    finally:
        door.shutdown(socket.SHUT_RDWR)
        door.close()
        thread.join(WAIT)


def pump(link: socket.socket, connection: TLSConnection) -> None:
    """Serve one client until it has said a line, or is gone."""
    said = b""
    while not connection.closed and not said.endswith(b"\n"):
        ciphertext = link.recv(65_536)
        if not ciphertext:
            return
        said += connection.receive_data(ciphertext)
        link.sendall(connection.data_to_send())
    connection.send(said)
    connection.close()
    link.sendall(connection.data_to_send())


def s_client(port: int, *options: str | Path, said: str = "hello\n") -> str:
    """What OpenSSL's client has to say. It goes on until the server ends it."""
    command = [program("openssl", "openssl"), "s_client", "-connect", f"127.0.0.1:{port}", *map(str, options)]
    done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=WAIT, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("version", list(VERSIONS))
def test_openssl_s_client_proves_a_psk(version: str) -> None:
    served: list[TLSConnection | TLSError] = []
    listener = wolfssl().server_context(POLICIES[version], psk_server_material())
    with listening(listener, served) as port:
        for name, key in ((DEVICE_PSK.identity, DEVICE_PSK.key), (DEVICE_PSK.identity, bytes(32)), ("x", bytes(32))):
            s_client(port, VERSIONS[version], "-psk_identity", name, "-psk", key.hex(), "-ign_eof")
    proved, another_key, unknown = served
    assert not isinstance(proved, TLSError)
    assert proved.psk_identity == DEVICE_PSK.identity
    assert proved.proof is not None
    assert proved.proof.version == version
    assert isinstance(another_key, TLSError)
    assert isinstance(unknown, TLSError)
    assert "no key that is known" in unknown.what


@pytest.mark.parametrize("version", list(VERSIONS))
def test_openssl_s_client_resumes(trust: Trust, version: str) -> None:
    served: list[TLSConnection | TLSError] = []
    listener = wolfssl().server_context(POLICIES[version], server_material(trust))
    mine, kept = client_material(trust), trust.folder / "session.pem"
    shown = (
        VERSIONS[version],
        "-CAfile",
        trust.root,
        "-cert",
        mine.chain,
        "-key",
        mine.key,
        "-verify_return_error",
        "-ign_eof",
    )
    with listening(listener, served) as port:
        assert "Verify return code: 0" in s_client(port, *shown, "-sess_out", kept)
        assert "Reused" in s_client(port, *shown, "-sess_in", kept)
    for connection, resumed in zip(served, (False, True), strict=True):
        assert not isinstance(connection, TLSError)
        assert connection.proof is not None
        assert connection.proof.resumed == resumed
        assert connection.peer_certificate == trust.device.der


def test_renegotiation_is_off(trust: Trust) -> None:
    served: list[TLSConnection | TLSError] = []
    listener = wolfssl().server_context(POLICIES["TLSv1.2"], server_material(trust))
    mine = client_material(trust)
    with listening(listener, served) as port:
        said = s_client(port, "-tls1_2", "-cert", mine.chain, "-key", mine.key, said="R\n")  # type: ignore[arg-type]
    assert "RENEGOTIATING" in said
    assert listener.handshakes == 1


# -- our device, OpenSSL's server ----------------------------------------------------------------------------------


def dialled(port: int, connection: ClientConnection) -> bytes:
    """Shake hands with the server there, say hello, and return its first words."""
    with socket.create_connection(("127.0.0.1", port), WAIT) as link:
        link.settimeout(WAIT)
        connection.send(b"hello\n")
        words = b""
        while not words:
            link.sendall(connection.data_to_send())
            ciphertext = link.recv(65_536)
            if not ciphertext:
                break
            words += connection.receive_data(ciphertext)
        connection.close()
        link.sendall(connection.data_to_send())
        return words


@pytest.mark.parametrize("version", list(VERSIONS))
def test_a_psk_is_proved_to_openssl_s_server(version: str) -> None:
    options = ["-nocert", "-psk_identity", DEVICE_PSK.identity, "-psk", DEVICE_PSK.key.hex(), "-rev", VERSIONS[version]]
    with running([program("openssl", "openssl"), "s_server", "-accept", "127.0.0.1:0", *options]) as server:
        port = int(server.output.wait(r"ACCEPT 127\.0\.0\.1:").rpartition(":")[2])
        device = wolfssl().client_context(POLICIES[version], psk_client_material()).connection("")
        assert dialled(port, device) == b"olleh\n"
        assert device.proof is not None
        assert device.proof.version == version
