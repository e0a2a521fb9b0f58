"""Listening: the address that was meant, or one sentence that says why not."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest

from sealmq.config import parse_address
from sealmq.errors import ConfigError
from sealmq.tcp.listener import _in_words, bind, bound_addresses, check_address, serve


def listened(host: str | None, port: int) -> list[tuple[str, int]]:
    """Listen, close, and say where it was."""

    async def main() -> list[tuple[str, int]]:
        servers = await serve(bind(host, port), asyncio.Protocol)
        try:
            return bound_addresses(servers)
        finally:
            for server in servers:
                server.close()

    return asyncio.run(main())


def resolving_to(*found: tuple[socket.AddressFamily, str]) -> Callable[..., list[Any]]:
    """A getaddrinfo that knows one answer."""

    def getaddrinfo(host: str, port: int, **_: object) -> list[Any]:
        return [
            (family, socket.SOCK_STREAM, 6, "", (address, port, 0, 0)[: 2 if family == socket.AF_INET else 4])
            for family, address in found
        ]

    return getaddrinfo


def test_port_0_is_a_free_port_that_is_told() -> None:
    [(host, port)] = listened("127.0.0.1", 0)
    assert host == "127.0.0.1"
    assert 1_024 <= port <= 65_535


def test_no_host_is_every_address_at_one_port() -> None:
    bound = listened(None, 0)
    assert bound[0][0] == "0.0.0.0"
    assert len({port for _, port in bound}) == 1
    assert [host for host, _ in bound[1:]] in (["::"], [])  # without IPv6 on this machine, IPv4 alone


def test_a_name_that_stands_twice_in_the_hosts_file_is_bound_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    answers = resolving_to((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.1"))
    monkeypatch.setattr(socket, "getaddrinfo", answers)
    assert listened("localhost", port) == [("127.0.0.1", port)]


def test_a_name_with_an_ipv6_address_on_a_machine_without_ipv6_is_bound_by_ipv4(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Socket(socket.socket):
        def bind(self, address: Any) -> None:
            if self.family == socket.AF_INET6:
                raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
            super().bind(address)

    monkeypatch.setattr(socket, "socket", Socket)
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1")))
    assert [host for host, _ in listened("localhost", 0)] == ["127.0.0.1"]
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to((socket.AF_INET6, "::1")))
    with pytest.raises(ConfigError, match="cannot listen on localhost, port 0"):
        listened("localhost", 0)


def test_a_port_that_is_taken_names_the_next_one_and_how_to_find_who_has_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} is taken") as refused:
            listened("127.0.0.1", port)
    assert f"sport = :{port}" in refused.value.remedy


@pytest.mark.parametrize(
    ("host", "port", "option", "address"),
    [
        ("127.0.0.1", 8883, "--listen", "127.0.0.1:8884"),
        ("::1", 8883, "--listen", "[::1]:8884"),
        (None, 8883, "--listen", ":8884"),
        (None, 65_535, "--listen", ":8883"),
        (None, 8084, "--websocket", ":8085"),
        (None, 65_535, "--websocket", ":8084"),
    ],
)
def test_the_port_that_is_proposed_can_be_typed_as_it_stands(
    host: str | None, port: int, option: str, address: str
) -> None:
    remedy = _in_words(OSError(errno.EADDRINUSE, "in use"), host, port, option).remedy
    assert remedy.endswith(f"sealmq up {option} {address}")
    parse_address(address)


def test_the_remedy_names_the_option_that_gave_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError) as refused:
        bind("127.0.0.1", taken.getsockname()[1], "--websocket")
    assert "sealmq up --websocket 127.0.0.1:" in refused.value.remedy
    for error in (PermissionError(errno.EACCES, "no"), OSError(errno.EADDRNOTAVAIL, "no")):
        assert ":8883" in _in_words(error, None, 80).remedy
        assert ":8084" in _in_words(error, None, 80, "--websocket").remedy


def test_a_failure_leaves_no_socket_open(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[socket.socket] = []

    class Socket(socket.socket):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            opened.append(self)

    answers = resolving_to((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "192.0.2.1"))
    monkeypatch.setattr(socket, "getaddrinfo", answers)
    monkeypatch.setattr(socket, "socket", Socket)
    with pytest.raises(ConfigError, match="cannot listen on two-addresses"):
        listened("two-addresses", 0)
    assert len(opened) >= 2
    assert all(one.fileno() == -1 for one in opened if one.family == socket.AF_INET)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "port 883 may not be used"),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign"), "cannot listen on somewhere, port 883"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "cannot listen on somewhere, port 883"),
        (OSError(errno.ENOBUFS, "No buffer space available"), "cannot listen on somewhere, port 883"),
    ],
)
def test_each_failure_has_its_sentence(error: OSError, words: str) -> None:
    said = _in_words(error, "somewhere", 883)
    assert said.what == words
    assert said.why


def test_an_address_can_be_asked_for_without_taking_it():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} is taken"):
            check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)
