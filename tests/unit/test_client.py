"""sealmq.connect and sealmq.client.paho_client."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import aiomqtt
import paho.mqtt.client as paho
import pytest

import sealmq
from certificates import Authority
from sealmq.client import connect, paho_client
from sealmq.errors import ConfigError, MiddlewareError
from sealmq.renewal.slots import Slots
from sealmq.tls.context import RenewedContext
from sealmq.tls.middleware import PSK
from sealmq.tls.middlewares import find
from sealmq.tls.sockets import SocketContext


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sensor-1")
    root = Authority("Root")
    device = Authority("Device CA", root).issue("sensor-1")
    (folder / "root.pem").write_bytes(root.pem)
    (folder / "device-chain.pem").write_bytes(device.chain_pem)
    (folder / "device.key").touch(mode=0o600)
    (folder / "device.key").write_bytes(device.key_pem)
    return folder


def expect_verifying(context: ssl.SSLContext | None) -> None:
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_connect_gives_an_aiomqtt_client_that_verifies(bundle: Path) -> None:
    async def made() -> aiomqtt.Client:
        return sealmq.connect(str(bundle), "broker", 1234, identifier="me")

    client = asyncio.run(made())
    assert isinstance(client, aiomqtt.Client)
    assert client.identifier == "me"
    inner = client._client
    assert inner.protocol == paho.MQTTv5
    expect_verifying(inner._ssl_context)


def test_paho_client_verifies_and_speaks_mqtt_5(bundle: Path) -> None:
    client = paho_client(bundle, client_id="me")
    assert client.protocol == paho.MQTTv5
    assert paho_client(bundle, protocol=paho.MQTTv311).protocol == paho.MQTTv311
    expect_verifying(client._ssl_context)


@pytest.mark.parametrize("name", ["tls_context", "tls_params", "tls_insecure"])
def test_nothing_turns_verification_off(bundle: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        connect(bundle, **{name: True})


def test_a_missing_bundle_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no bundle") as caught:
        paho_client(tmp_path / "sensor-9")
    assert caught.value.remedy == "sealmq device add sensor-9"


def test_a_missing_file_is_named(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no root\.pem and no device\.pem and no device\.key"):
        paho_client(tmp_path)
    for name in ("root.pem", "device-chain.pem"):
        (tmp_path / name).write_bytes((bundle / name).read_bytes())
    with pytest.raises(ConfigError, match=r"has no device\.key") as caught:
        paho_client(tmp_path)
    assert "--csr" in caught.value.why


def test_a_bundle_that_nobody_lets_us_see_is_told_in_words(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    for name in ("is_file", "is_dir"):
        with monkeypatch.context() as patched:
            patched.setattr(Path, name, refuse)
            with pytest.raises(ConfigError, match="cannot be looked into") as caught:
                paho_client(bundle)
        assert caught.value.why == "Permission denied"
        assert "copy it" in caught.value.remedy


def test_an_account_needs_no_certificate(bundle: Path) -> None:
    root = bundle / "root.pem"
    client = paho_client(root=root, username="panel", password=b"correct horse")
    expect_verifying(client._ssl_context)
    assert (client.username, client.password) == ("panel", "correct horse")

    async def made() -> aiomqtt.Client:
        return connect(root=str(root), host="broker", username="panel", password="correct horse")

    inner = asyncio.run(made())._client
    expect_verifying(inner._ssl_context)
    assert (inner.username, inner.password) == ("panel", "correct horse")


def test_an_account_may_show_a_certificate_besides(bundle: Path) -> None:
    assert paho_client(bundle, username="panel", password="correct horse").username == "panel"


def test_who_we_are_is_said_whole_and_once(bundle: Path) -> None:
    root = bundle / "root.pem"
    login = {"username": "panel", "password": "correct horse"}
    for given, what in (
        ({}, "no bundle is given"),
        (login, "no bundle is given"),
        ({"bundle": bundle, "root": root} | login, "bundle and root are both given"),
        ({"root": root}, "root is for username and password"),
        ({"bundle": bundle, "username": "panel"}, "go together"),
        ({"bundle": bundle, "password": "correct horse"}, "go together"),
    ):
        for make in (connect, paho_client):
            with pytest.raises(ConfigError, match=what):
                make(**given)


def test_importing_sealmq_brings_no_mqtt_library() -> None:
    program = "import sys, sealmq; sys.exit('aiomqtt' in sys.modules or not callable(sealmq.connect))"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    with pytest.raises(AttributeError, match="nothing"):
        sealmq.nothing  # noqa: B018


def test_a_program_that_runs_for_years_connects_with_the_newest_credentials(bundle: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(bundle, tmp_path / "own"))
    context = paho_client(own)._ssl_context
    assert isinstance(context, RenewedContext)
    assert context._files() == (own / "root.pem", own / "device-chain.pem", own / "device.key")
    slots = Slots(own)
    files = {name: (own / name).read_bytes() for name in ("root.pem", "device-chain.pem", "device.key")}
    slots.switch(slots.fill("0a", files | {"device.pem": files["device-chain.pem"]}))
    slot = own / ".slots" / "0a"
    assert context._files() == (slot / "root.pem", slot / "device.pem", slot / "device.key")


def test_another_middleware_speaks_through_a_context_of_our_own(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MiddlewareError, match="no middleware 'opensssl'"):
        paho_client(bundle, middleware="opensssl")
    monkeypatch.setattr("sealmq.client.DEFAULT", "another")  # then the usual one is not the default
    context = paho_client(bundle, middleware="openssl")._ssl_context
    assert isinstance(context, SocketContext)
    root = bundle / "root.pem"
    account = paho_client(root=root, username="panel", password="correct horse", middleware="openssl")
    assert isinstance(account._ssl_context, SocketContext)


def test_a_pre_shared_key_stands_alone(bundle: Path) -> None:
    psk = PSK("sensor-1", bytes(32))
    with pytest.raises(ConfigError, match="or a psk with one of them"):
        paho_client(bundle, psk=psk)
    if not find().abilities.psk_client:
        with pytest.raises(MiddlewareError, match="PSK"):
            paho_client(psk=psk)


def test_keep_renewed_looks_after_a_bundle_until_it_is_closed(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no bundle"):
        sealmq.keep_renewed(tmp_path / "nothing")
    with sealmq.keep_renewed(bundle, "localhost", 1, https_port=None) as keeping:
        assert keeping._thread.is_alive()
    assert not keeping._thread.is_alive()
