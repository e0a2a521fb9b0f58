"""Listening: the address that was meant, or one sentence that says why not."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from places import Refused, reception
from ports import free_port
from sealmq.config import parse_address
from sealmq.errors import ConfigError
from sealmq.tcp import admission as admission_module
from sealmq.tcp import listener as listener_module
from sealmq.tcp.admission import Place
from sealmq.tcp.listener import _in_words, bind, bound_addresses, check_address


def listened(host: str | None, port: int) -> list[tuple[str, int]]:
    """Listen, close, and say where it was."""

    async def main() -> list[tuple[str, int]]:
        listener = reception().listen(bind(host, port), lambda connection, peer, place: None)
        try:
            return bound_addresses(listener)
        finally:
            listener.close()

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
    port = free_port()
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
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ConfigError, match=f"port {port} is taken"):
        check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)


# --- who comes, and who is let in


class Guest:
    """A connection that was let in, until its peer leaves."""

    def __init__(self, porch: Porch, connection: socket.socket, peer: str, place: Place) -> None:
        self.place = place
        self.peer = peer
        self._porch = porch
        self._connection = connection
        porch.guests.append(self)
        asyncio.get_running_loop().add_reader(connection, self._left)

    def _left(self) -> None:
        asyncio.get_running_loop().remove_reader(self._connection)
        self._connection.close()
        self.place.left()
        self._porch.guests.remove(self)


class Porch:
    """A listener with its guests, and those who call."""

    def __init__(self, **limits: Any) -> None:
        self.guests: list[Guest] = []
        self.refused = Refused()
        self.exhausted: list[OSError] = []
        self.callers: list[socket.socket] = []
        self.reception = reception(self.refused, self.exhausted.append, **limits)
        self.listener = self.reception.listen(bind("127.0.0.1", 0), partial(Guest, self))

    def call(self, times: int = 1) -> None:
        for _ in range(times):
            caller = socket.socket()
            caller.setblocking(False)
            self.callers.append(caller)
            caller.connect_ex(self.listener.sockets[0].getsockname())

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - what is waited for happens in the loop, which has no event for it
                await asyncio.sleep(0.005)

    async def close(self) -> None:
        self.listener.close()
        self.reception.close()
        for caller in self.callers:
            caller.close()
        await self.until(lambda: not self.guests)
        assert self.reception.admission.standing == 0


def test_guests_come_in_and_their_places_are_free_when_they_leave() -> None:
    async def main() -> None:
        porch = Porch()
        porch.call(3)
        await porch.until(lambda: len(porch.guests) == 3)
        assert porch.reception.admission.handshakes == 3
        porch.guests[0].place.accepted()
        assert porch.reception.admission.handshakes == 2
        porch.callers[0].close()
        await porch.until(lambda: len(porch.guests) == 2)
        assert porch.reception.admission.standing == 2
        await porch.close()
        assert porch.refused == []

    asyncio.run(main())


def test_who_finds_no_place_for_a_handshake_waits_and_comes_in_when_one_is_free() -> None:
    async def main() -> None:
        porch = Porch(handshakes=2)
        porch.call(4)
        await porch.until(lambda: len(porch.guests) == 2 and porch.reception.admission.waiting == 2)
        porch.guests[0].place.accepted()
        await porch.until(lambda: len(porch.guests) == 3)
        porch.callers[1].close()
        await porch.until(lambda: porch.reception.admission.waiting == 0)
        await porch.close()

    asyncio.run(main())


def test_who_is_one_too_many_is_reset_and_told_of() -> None:
    async def main() -> None:
        porch = Porch(connections=1)
        porch.call(1)
        await porch.until(lambda: len(porch.guests) == 1)
        porch.call(1)
        await porch.until(lambda: bool(porch.refused))
        peer = "{}:{}".format(*porch.callers[1].getsockname())
        assert porch.refused == [(peer, "connections")]
        with pytest.raises(ConnectionResetError):
            await asyncio.get_running_loop().sock_recv(porch.callers[1], 1)
        await porch.close()

    asyncio.run(main())


def test_who_has_waited_too_long_is_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        porch = Porch(handshakes=1)
        porch.call(2)
        await porch.until(lambda: len(porch.guests) == 1 and porch.reception.admission.waiting == 1)
        monkeypatch.setattr(admission_module, "LONGEST_WAIT", 0.05)  # sooner it might be too long for the first, too
        await porch.until(lambda: bool(porch.refused))
        assert porch.refused[0][1] == "handshakes", "the limit to raise is the one that it waited for"
        assert len(porch.guests) == 1
        await porch.close()

    asyncio.run(main())


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.EPROTO])
def test_when_nobody_can_be_accepted_we_pause_say_so_and_go_on(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "EXHAUSTED_PAUSE", 0.02)

    async def main() -> None:
        porch = Porch()
        opened = porch.listener.sockets[0]

        class Empty:
            """A listening socket on a machine without room, twice."""

            left = 2

            def accept(self) -> Any:
                if self.left:
                    self.left -= 1
                    raise OSError(number, "no")
                return opened.accept()

            def fileno(self) -> int:
                return opened.fileno()

        porch.reception.ignore(opened)
        empty: Any = Empty()
        porch.listener.sockets.append(empty)
        porch.reception._watch(porch.listener, empty)
        porch.call()
        await porch.until(lambda: len(porch.guests) == 1)
        assert [error.errno for error in porch.exhausted] == [number] * 2
        porch.reception.ignore(empty)
        porch.listener.sockets.remove(empty)
        await porch.close()

    asyncio.run(main())


def test_whoever_cannot_be_let_in_by_a_mistake_of_ours_takes_no_place() -> None:
    told: list[object] = []

    def mistaken(connection: socket.socket, peer: str, place: Place) -> None:
        raise ZeroDivisionError("ours")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
        porch = Porch()
        porch.listener.receive = mistaken
        porch.call(2)
        await porch.until(lambda: len(told) == 2)
        assert (porch.reception.admission.standing, porch.reception.admission.handshakes) == (0, 0)
        assert await asyncio.get_running_loop().sock_recv(porch.callers[0], 1) == b""
        await porch.close()

    asyncio.run(main())
    assert [type(each) for each in told] == [ZeroDivisionError] * 2


def test_a_closed_listener_takes_nobody_in_though_it_paused() -> None:
    async def main() -> None:
        porch = Porch()
        opened = porch.listener.sockets[0]
        porch.reception.ignore(opened)
        porch.listener.close()
        porch.reception._watch(porch.listener, opened)  # the pause is over
        assert porch.listener.sockets == []
        await porch.close()

    asyncio.run(main())
