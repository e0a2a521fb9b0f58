"""`sealmq handshake --psk-file`, and in front of a device with a pre-shared key: told as what it is."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from handshake_stage import SCHEMA, handshake, look
from interop_homes import TOML, make_home
from libraries import PSK_LIBRARIES, able
from middleware_pairs import DEVICE_PSK
from ports import free_port
from psk_brokers import LISTENERS, PSKBroker
from running import SEALMQ, WAIT, program, running
from sealmq.bundle import read_psk
from sealmq.kit.dissect.framing import HEADER
from sealmq.kit.dissect.hello import read_client_hello

pytestmark = pytest.mark.interop

EACH = pytest.mark.parametrize(("library", "version"), able(PSK_LIBRARIES, "psk_client"))


class Small(PSKBroker):
    """It knows small-1, whose key is in `key`."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.add("small-1")
        self.key = self.psk_file("small-1")

    def changed(self, folder: Path, *, identity: str = "small-1", key: str | None = None) -> Path:
        """Another file like `key`."""
        file = folder / "psk.txt"
        file.touch(0o600)
        file.write_text(f"{identity}:{key or key_of(self.key)}\n")
        return file


@pytest.fixture(scope="module", params=PSK_LIBRARIES[:1])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    home = make_home(tmp_path_factory.mktemp("psk") / "home", LISTENERS.format(middleware=request.param) + TOML)
    broker = Small(home)
    try:
        yield broker
        assert broker.end() == 0
    finally:
        broker.kill()


@EACH
def test_each_library_is_let_in_by_its_key(small: Small, library: str, version: str) -> None:
    options = ["--psk-file", small.key, "--middleware", library, "--tls-version", version.removeprefix("TLSv")]
    said = handshake(f"127.0.0.1:{small.psk_port}", *options, "--json")
    jsonschema.validate(said.report, json.loads(SCHEMA.read_text()))
    assert (said.code, said.outcome["kind"]) == (0, "connected"), said.text
    agreed = said.report["negotiated"]
    assert (agreed["psk_identity"], agreed["resumed"]) == ("small-1", False)
    assert agreed["version"] == version.replace("TLSv", "TLS ")
    assert "the pre-shared key 'small-1' says who the client is" in said.report["client_authentication"]["sentence"]
    assert said.report["cost"]["trials"] == [], "whoever asks for small records has no key to ask with"
    assert key_of(small.key) not in said.text


@EACH
def test_another_key_another_name_and_another_port(small: Small, library: str, version: str, tmp_path: Path) -> None:
    options = ["--middleware", library, "--tls-version", version.removeprefix("TLSv")]
    for file in (small.changed(tmp_path, key="00" * 32), small.changed(tmp_path, identity="small-2")):
        said = look(f"127.0.0.1:{small.psk_port}", "--psk-file", file, *options)
        assert (said.code, said.outcome["kind"], said.outcome["by"]) == (1, "refused", "server"), said.text
        assert "compare identity and key" in said.outcome["remedy"], said.outcome
    said = look(f"127.0.0.1:{small.port}", "--psk-file", small.key, *options)
    assert said.code == 1, said.text
    assert "takes certificates" in said.outcome["why"], said.outcome


def test_without_a_place_the_one_for_keys_of_the_home_is_dialled(small: Small, tmp_path: Path) -> None:
    port = free_port()
    words = LISTENERS.format(middleware=PSK_LIBRARIES[0]).replace(
        'address = "127.0.0.1:0"', f'address = "127.0.0.1:{port}"'
    )
    home = make_home(tmp_path / "home", words + TOML, devices=())
    said = look("--home", home, "--psk-file", small.key, "--middleware", PSK_LIBRARIES[0])
    assert said.code == 3, "nobody runs it"
    assert (said.report["target"]["host"], said.report["target"]["port"]) == ("127.0.0.1", port)


def test_a_certificate_is_told_that_keys_alone_are_taken(small: Small) -> None:
    said = look(f"127.0.0.1:{small.psk_port}", "--home", small.home, "--as", "operator")
    assert said.code == 1
    assert 'auth = "psk"' in said.outcome["remedy"]


def test_what_does_not_go_together(small: Small) -> None:
    place = f"127.0.0.1:{small.psk_port}"
    said = handshake(place, "--psk-file", small.key)
    assert said.code == 2
    assert "the middleware openssl has no PSK" in said.errors
    assert "wolfssl" in said.errors
    said = handshake(place, "--home", small.home, "--as", "small-1")
    assert (said.code, "--psk-file" in said.errors) == (2, True), said.errors
    root = small.home / "ca" / "root.pem"
    for more in (["--cafile", root], ["--as", "operator"], ["--crlfile", root], ["--system-cas"]):
        said = handshake(place, "--psk-file", small.key, *more)
        assert (said.code, "--psk-file is given together with certificates" in said.errors) == (2, True), said.errors
    assert handshake("--pcap", root, "--psk-file", small.key).code == 2
    assert handshake(place, "--psk-file", root, "--middleware", PSK_LIBRARIES[0]).code == 2


def test_versions_are_compared_with_a_key_too(small: Small) -> None:
    options = ["--psk-file", small.key, "--middleware", PSK_LIBRARIES[0], "--repeat", "2", "--compare", "1.2,1.3"]
    said = handshake(f"127.0.0.1:{small.psk_port}", *options)
    assert said.code == 0, said.errors
    assert handshake(f"127.0.0.1:{small.psk_port}", *options[:-1], "mtls").code == 2, "there is no certificate to show"
    assert "TLS 1.2" in said.text
    assert "TLS 1.3" in said.text


@pytest.mark.parametrize("version", ["1_2", "1_3"])
def test_in_front_of_a_device_of_openssl_s(small: Small, version: str) -> None:
    """`openssl s_client` with a key, explained on its way."""
    key = key_of(small.key)
    listening = [*SEALMQ, "handshake", "--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{small.psk_port}", "--count", "1"]
    with running(listening) as front:
        place = front.output.wait("Point your device to").split()[4]
        command = [program("openssl", "openssl"), "s_client", "-connect", place, f"-tls{version}"]
        with running([*command, "-psk_identity", "small-1", "-psk", key], stdin=-3) as client:
            client.process.wait(WAIT)
        assert front.ended() == 0
        text = " ".join(" ".join(front.output.lines).split())
    assert "pre-shared key" in text
    assert "small-1" in text
    assert "ticket, and would like to resume" not in text
    assert key not in text


def test_openssl_s_own_name_of_a_key_is_known_from_its_hello() -> None:
    """RFC 8446 section 4.2.11: an obfuscated_ticket_age of 0 SHOULD be used for keys by arrangement."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WAIT)
        where = f"127.0.0.1:{listener.getsockname()[1]}"
        words = ["-psk_identity", DEVICE_PSK.identity, "-psk", DEVICE_PSK.key.hex()]
        with running([program("openssl", "openssl"), "s_client", "-connect", where, "-tls1_3", *words], stdin=-3):
            device, _ = listener.accept()
            with device:
                device.settimeout(WAIT)
                record = b""
                while len(record) < 5 or len(record) < 5 + int.from_bytes(record[3:5], "big"):
                    record += device.recv(65_536)
    hello = read_client_hello(record[5 : 5 + int.from_bytes(record[3:5], "big")])
    assert len(record) > HEADER
    assert [each.name for each in hello.psk_identities] == [DEVICE_PSK.identity]


def key_of(file: Path) -> str:
    """In hex."""
    return read_psk(file).key.hex()
