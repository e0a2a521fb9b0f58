"""Devices with a pre-shared key: openssl and mosquitto's clients at a real broker, by each library that has PSKs."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop_homes import TOML, make_home
from libraries import PSK_LIBRARIES, able, middleware
from mqtt_bytes import connect_packet, publish, subscribe
from psk_brokers import LISTENERS, PSKBroker
from requests_of_devices import csr
from running import SEALMQ, WAIT, program, run, running, sealmq
from sealmq.home import Home
from sealmq.presence import tell_to_look
from sealmq.tls.middlewares import find

pytestmark = pytest.mark.interop

CUT_WITHIN = 10.0
"""Seconds that the test grants; the promise is one second, but several programs may have to wait for a processor."""

DISCONNECT = b"\xe0\x00"
EACH = pytest.mark.parametrize(("small", "version"), able(PSK_LIBRARIES, "psk_server"), indirect=["small"])


class Small(PSKBroker):
    """With this middleware where keys are taken."""

    def __init__(self, home: Path, middleware: str) -> None:
        super().__init__(home)
        self.middleware = middleware

    def take(self, how: str, name: str) -> None:
        """Revoke, hold or release a device, as `sealmq device` does it in a process of its own."""
        with Home.open(self.home) as home:
            getattr(home.revocations(), f"{how}_device")(name, now=time.time())
        tell_to_look(self.home)

    def s_client(
        self, version: str, data: bytes, *options: str, port: int | None = None, until: bytes | None = None
    ) -> bytes:
        """What openssl receives that says `data`, errors behind it, until it ends or has heard `until`.

        Its standard input stays open until then.
        """
        where = [
            "-connect",
            f"127.0.0.1:{port or self.psk_port}",
            f"-{version.lower().replace('v', '').replace('.', '_')}",
        ]
        command = [program("openssl", "openssl"), "s_client", *where, "-quiet", *options]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                with contextlib.suppress(BrokenPipeError):  # who is refused at once may be gone by now
                    process.stdin.write(data)
                heard = bytearray()
                while piece := process.stdout.read(4096):
                    heard += piece
                    if until is not None and until in heard:
                        return bytes(heard)
                process.wait(WAIT)
                return bytes(heard)
            finally:
                process.kill()

    def scripts(self, name: str, folder: Path) -> Path:
        """A mosquitto bundle of the device; returns its folder."""
        out = folder / f"{name}-mosquitto"
        done = sealmq(*("device", "bundle", name, "--target", "mosquitto", "--home", self.home, "--out", out),
                      *("--host", "127.0.0.1", "--port", str(self.psk_port)))  # fmt: skip
        assert done.returncode == 0, done.stderr
        return out


@pytest.fixture(scope="module", params=PSK_LIBRARIES)
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """A broker for all tests of one middleware. Without its library they are left out; with SEALMQ_CI=1 they fail."""
    assert middleware(request.param).abilities.psk_server
    home = make_home(tmp_path_factory.mktemp("psk") / "home", LISTENERS.format(middleware=request.param) + TOML)
    broker = Small(home, request.param)
    try:
        yield broker
        assert broker.end() == 0, "\n".join(broker.log.lines[-40:])
        assert not [line for line in broker.log.lines if "Traceback" in line or " error " in line]
    finally:
        broker.kill()


def psk(name: str, key: str) -> tuple[str, ...]:
    return ("-psk_identity", name, "-psk", key)


HELLO = connect_packet("c") + publish("devices/x/temp", b"21.5") + DISCONNECT
CONNACK = re.compile(rb"\x20.\x00\x00", re.DOTALL)
"""Let in; what openssl prints besides is text."""


@EACH
def test_openssl_comes_in_with_its_key(small: Small, version: str) -> None:
    name, mark = f"small-{version[-1]}", small.mark
    key = small.add(name)
    assert CONNACK.search(small.s_client(version, HELLO, *psk(name, key)))
    line = small.log.wait(f"{name} connected from 127.0.0.1", after=mark)
    assert f"(MQTT 5, {version}, " in line
    small.log.wait(f"{name} .* left: it said goodbye", after=mark)
    small.log.wait(f"{name} .* may not publish to 'devices/x/temp'", after=mark)  # rules are about who it is


@EACH
def test_a_wrong_key_is_refused(small: Small, version: str) -> None:
    name, mark = f"wrong-{version[-1]}", small.mark
    key = small.add(name)
    other = f"{int(key[:2], 16) ^ 1:02x}{key[2:]}"
    assert not CONNACK.search(small.s_client(version, HELLO, *psk(name, other)))
    small.log.wait(r"127\.0\.0\.1:\d+ was refused: ", after=mark)
    assert not any(f"{name} connected" in line for line in small.log.lines[mark:])


@EACH
def test_an_unknown_identity_is_refused_and_the_log_says_what_to_do(small: Small, version: str) -> None:
    name, mark = f"nobody-{version[-1]}", small.mark
    small.s_client(version, HELLO, *psk(name, "00" * 32))
    line = small.log.wait(f"no key for the PSK identity '{name}': there is no device '{name}'", after=mark)
    assert f"next: sealmq device add {name} --psk" in line
    small.log.wait(r"127\.0\.0\.1:\d+ was refused: ", after=mark)


@EACH
def test_a_key_that_has_ended_is_refused(small: Small, version: str) -> None:
    name, mark = f"ended-{version[-1]}", small.mark
    key = small.add(name, days=1, ago=2 * 86_400)
    small.s_client(version, HELLO, *psk(name, key))
    line = small.log.wait(f"the PSK of '{name}' .* expired on", after=mark)
    assert f"next: sealmq device revoke {name}, then sealmq device add {name} --psk" in line
    small.log.wait(r"127\.0\.0\.1:\d+ was refused: ", after=mark)


@EACH
def test_a_certificate_opens_no_listener_for_psks(small: Small, version: str) -> None:
    mark = small.mark
    _, chain, key = small.files("sensor-1")
    assert not CONNACK.search(small.s_client(version, HELLO, "-cert", str(chain), "-key", str(key)))
    small.log.wait(r"127\.0\.0\.1:\d+ was refused: ", after=mark)
    assert not any("sensor-1 connected" in line for line in small.log.lines[mark:])


@EACH
def test_a_psk_opens_no_listener_for_certificates_and_the_log_says_where_to_go(small: Small, version: str) -> None:
    name, mark = f"astray-{version[-1]}", small.mark
    key = small.add(name)
    small.s_client(version, HELLO, *psk(name, key), port=small.port)
    line = small.log.wait(r"127\.0\.0\.1:\d+ was refused: ", after=mark)
    assert 'a device with a PSK dials a listener with auth = "psk"' in line


@EACH
def test_a_session_is_resumed_as_who_it_was_and_never_past_a_revocation(
    small: Small, version: str, tmp_path: Path
) -> None:
    name, session = f"resumed-{version[-1]}", tmp_path / "session"
    key = small.add(name)
    assert CONNACK.search(small.s_client(version, HELLO, *psk(name, key), "-sess_out", str(session)))
    again = ["-sess_in", str(session)] if session.exists() else []
    assert CONNACK.search(small.s_client(version, HELLO, *psk(name, key), *again))
    mark = small.mark
    small.take("revoke", name)
    small.log.wait(f"{name} was revoked", after=mark)
    mark = small.mark
    assert not CONNACK.search(small.s_client(version, HELLO, *psk(name, key), *again))
    small.log.wait(r"127\.0\.0\.1:\d+ was refused: ", after=mark)
    assert not any(f"{name} connected" in line for line in small.log.lines[mark:])


def test_mosquitto_speaks_and_hears_with_the_files_of_its_bundle(small: Small, tmp_path: Path) -> None:
    program("mosquitto_pub", "mosquitto-clients")
    small.add("mosquitto-1")
    folder = small.scripts("mosquitto-1", tmp_path)
    mark, topic = small.mark, "devices/mosquitto-1/temp"
    with running(["sh", folder / "mosquitto_sub.sh", "-t", topic, "-C", "1"]) as sub:
        small.log.wait(f"mosquitto-1 .* may subscribe to '{topic}'", after=mark)
        run(["sh", folder / "mosquitto_pub.sh", "-t", topic, "-m", "21.5", "-q", "1"])
        assert sub.ended() == 0
        assert sub.output.lines == ["21.5"]


def test_a_revocation_cuts_a_live_mosquitto_sub_and_keeps_it_out(small: Small, tmp_path: Path) -> None:
    program("mosquitto_sub", "mosquitto-clients")
    small.add("condemned")
    folder, mark = small.scripts("condemned", tmp_path), small.mark
    with running(["sh", folder / "mosquitto_sub.sh", "-t", "devices/condemned/#"]):
        small.log.wait("condemned .* may subscribe", after=mark)
        small.take("revoke", "condemned")
        done = time.monotonic()
        small.log.wait(r"condemned \(client .*\) ends: its PSK was revoked \(reason code 0x98", after=mark)
        assert time.monotonic() - done < CUT_WITHIN
        line = small.log.wait("no key for the PSK identity 'condemned'", after=mark)  # it tries again by itself
        assert "was revoked" in line


def test_a_hold_is_lifted_and_the_key_counts_again(small: Small) -> None:
    key, version = small.add("waiting"), max(find(small.middleware).abilities.psk_server)
    for command, let_in in (("hold", False), ("release", True)):
        mark = small.mark
        small.take(command, "waiting")
        small.s_client(version, HELLO, *psk("waiting", key))
        small.log.wait("waiting connected" if let_in else "the PSK of 'waiting' was put on hold", after=mark)


def test_a_psk_is_not_renewed_over_mqtt(small: Small) -> None:
    key, version = small.add("renewing"), max(find(small.middleware).abilities.psk_server)
    request = json.dumps({"csr": b64encode(csr("renewing")).decode()}).encode()
    data = connect_packet("r") + subscribe("$enroll/renew/json/#") + publish("$enroll/renew/json", request)
    words = b"a pre-shared key is not renewed over the network"
    heard = small.s_client(version, data, *psk("renewing", key), until=words)
    assert b"$enroll/renew/json/rejected" in heard
    assert words in heard


def test_the_calls_in_the_readme_of_the_headers_compile(tmp_path: Path) -> None:
    gcc = program("gcc", "gcc libmbedtls-dev libwolfssl-dev")
    with Home.open(make_home(tmp_path / "home", LISTENERS.format(middleware="wolfssl"), devices=())) as home:
        home.psk_enrollment().add_device("small-1", now=time.time())
    out = tmp_path / "out"
    words = ("--target", "c-header", "--home", tmp_path / "home", "--out", out, "--port", "8886")
    assert sealmq("device", "bundle", "small-1", *words).returncode == 0
    mbedtls, wolfssl = re.findall(r"(?:^ {4}.*\n)+", (out / "README.md").read_text(), re.MULTILINE)
    callback, _, call = wolfssl.rpartition("    wolfSSL_CTX")
    (out / "main.c").write_text(f"""
#include <string.h>
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <mbedtls/ssl.h>
#include "mqtt_credentials.h"
#include "mqtt_psk.h"
{callback}
int main(void)
{{
    static mbedtls_ssl_config conf;
    WOLFSSL_CTX *context = NULL;
{mbedtls}
    wolfSSL_CTX{call}
    return 0;
}}
""")
    run([gcc, "-std=c99", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", out / "main.c"])


def test_a_listener_for_psks_by_a_library_without_them_is_refused_at_the_start(tmp_path: Path) -> None:
    if find("openssl").abilities.psk_server:
        pytest.skip("OpenSSL has PSKs with this Python")
    home = make_home(tmp_path / "home", LISTENERS.format(middleware="openssl"), devices=())
    done = subprocess.run([*SEALMQ, "up", "--home", home], capture_output=True, text=True, timeout=WAIT, check=False)
    assert done.returncode == 2
    assert "the middleware openssl has no PSK for a listener here" in done.stderr
    assert "wolfssl" in done.stderr


def test_pub_takes_the_key_from_its_file_and_says_what_is_wrong_with_another(small: Small, tmp_path: Path) -> None:
    key = small.add("typed")
    file = tmp_path / "psk.txt"

    def pub(line: str, port: int) -> tuple[int, str]:
        file.write_text(line)
        file.chmod(0o600)
        words = ("--psk-file", file, "--middleware", small.middleware, "-h", "localhost", "-p", str(port))
        done = sealmq("pub", *words, "-t", "devices/typed/temp", "-m", "21.5", "-q", "1", "--home", small.home)
        return done.returncode, done.stderr

    assert pub(f"typed:{key}\n", small.psk_port) == (0, "")
    for line, port, what in (
        (f"typed:{int(key[:2], 16) ^ 1:02x}{key[2:]}\n", small.psk_port, "the broker has another key"),
        (f"untyped:{key}\n", small.psk_port, "the broker has no key"),
        (f"typed:{key}\n", small.port, 'auth = "psk"'),
    ):
        code, said = pub(line, port)
        assert code == 1
        assert what in said
