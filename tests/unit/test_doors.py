"""Listeners that change while they listen: all or nothing, and who comes meanwhile is served."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from places import reception
from ports import free_port
from sealmq.config import ListenerSettings
from sealmq.doors import Addresses, Doors
from sealmq.errors import ConfigError, PortTakenError
from sealmq.identity import BY_CERTIFICATE, FOR_ENROLLMENT
from sealmq.tcp.admission import Place

LOCAL = "127.0.0.1:0"


def greet(settings: Callable[[], ListenerSettings | None], connection: socket.socket, peer: str, place: Place) -> None:
    """Say what the door asks for by which it came."""
    terms = settings()
    connection.send(terms.auth.encode() if terms is not None else b"closed")
    connection.shutdown(socket.SHUT_WR)

    def gone() -> None:
        asyncio.get_running_loop().remove_reader(connection)
        connection.close()
        place.left()

    asyncio.get_running_loop().add_reader(connection, gone)


async def ask(address: tuple[str, int]) -> str:
    reader, writer = await asyncio.open_connection(*address)
    said = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return said.decode()


def nothing() -> None:
    pass


def test_an_address_keeps_its_sockets_when_only_its_terms_change() -> None:
    async def main() -> None:
        doors = Doors(reception(), greet)
        here = f"127.0.0.1:{free_port()}"  # nobody else's, when it is closed
        doors.change([ListenerSettings(here)], nothing)
        before = doors.bound.mqtt
        assert doors.bound.terms == {before[0]: BY_CERTIFICATE}
        assert await ask(before[0]) == "certificate"
        doors.change([ListenerSettings(here, "password")], nothing)
        assert doors.bound.mqtt == before
        assert await ask(before[0]) == "password"
        doors.close()
        assert doors.bound.mqtt == []
        with pytest.raises(ConnectionRefusedError):
            await ask(before[0])

    asyncio.run(main())


def test_who_waits_at_a_door_that_is_closed_meanwhile_learns_that_its_terms_count_no_more() -> None:
    async def main() -> None:
        doors = Doors(reception(handshakes=1), greet)
        doors.change([ListenerSettings(LOCAL, "password")], nothing)
        address = doors.bound.mqtt[0]
        first, writer = await asyncio.open_connection(*address)
        assert await asyncio.wait_for(first.read(), 10) == b"password"
        waiting = asyncio.create_task(ask(address))  # the first still has the place
        async with asyncio.timeout(10):
            while not doors._reception.admission.waiting:  # noqa: ASYNC110 - it has no event for it
                await asyncio.sleep(0.005)
        doors.change([ListenerSettings(LOCAL)], nothing)
        assert doors.bound.mqtt == [address], "the same address: its terms are new"
        doors.change([ListenerSettings(f"127.0.0.1:{free_port()}")], nothing)
        writer.close()
        assert await waiting == "closed"
        doors.close()

    asyncio.run(main())


def test_addresses_come_and_go_and_two_may_have_the_kernel_choose() -> None:
    async def main() -> None:
        doors = Doors(reception(), greet)
        gone = ListenerSettings(f"127.0.0.1:{free_port()}")
        doors.change([ListenerSettings(LOCAL), ListenerSettings(LOCAL, "password"), gone], nothing)
        first, second, third = doors.bound.mqtt
        assert [await ask(each) for each in (first, second, third)] == ["certificate", "password", "certificate"]
        port = free_port()
        doors.change([ListenerSettings(LOCAL), ListenerSettings(f"127.0.0.1:{port}", "password")], nothing)
        assert doors.bound.mqtt == [first, ("127.0.0.1", port)]
        assert await ask(("127.0.0.1", port)) == "password"
        with pytest.raises(ConnectionRefusedError):
            await ask(third)
        doors.close()

    asyncio.run(main())


def test_https_has_doors_too() -> None:
    async def main() -> None:
        doors = Doors(reception(), greet)
        doors.change([ListenerSettings(LOCAL), ListenerSettings(LOCAL, https=True, profile="modern")], nothing)
        bound = doors.bound
        assert bound.profile == {bound.https[0]: "modern"}
        assert (len(bound.mqtt), bound.websocket, len(bound.https)) == (1, [], 1)
        assert bound.terms[bound.https[0]] is FOR_ENROLLMENT
        with socket.create_server(("127.0.0.1", 0)) as taken:
            unreachable = ListenerSettings(f"127.0.0.1:{taken.getsockname()[1]}", https=True)
            with pytest.raises(PortTakenError) as refused:
                doors.change([unreachable], nothing)
        assert "sealmq up --https 127.0.0.1:" in refused.value.remedy
        assert "[https] listen = [] in sealmq.toml" in refused.value.remedy
        doors.close()

    asyncio.run(main())


def test_websocket_has_doors_too() -> None:
    async def main() -> None:
        doors, port = Doors(reception(), greet), free_port()
        websocket = ListenerSettings(f"127.0.0.1:{port}", websocket=True)
        doors.change([ListenerSettings(LOCAL, "password"), websocket], nothing)
        bound = doors.bound
        assert bound.websocket == [("127.0.0.1", port)]
        assert [await ask(*bound.mqtt), await ask(*bound.websocket)] == ["password", "certificate"]
        doors.change([ListenerSettings(websocket.address)], nothing)
        assert doors.bound == Addresses(bound.websocket, [], {("127.0.0.1", port): BY_CERTIFICATE})
        doors.change([ListenerSettings(LOCAL)], nothing)
        with pytest.raises(ConnectionRefusedError):
            await ask(("127.0.0.1", port))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            unreachable = ListenerSettings(f"127.0.0.1:{taken.getsockname()[1]}", websocket=True)
            with pytest.raises(ConfigError) as refused:
                doors.change([unreachable], nothing)
        assert "sealmq up --websocket 127.0.0.1:" in refused.value.remedy
        doors.close()

    asyncio.run(main())


def test_an_address_that_cannot_be_had_changes_nothing() -> None:
    async def main() -> None:
        doors = Doors(reception(), greet)
        doors.change([ListenerSettings(LOCAL)], nothing)
        before = doors.bound.mqtt
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            free = free_port()
            with pytest.raises(ConfigError, match="is taken"):
                doors.change(
                    [ListenerSettings(f"127.0.0.1:{free}", "password"), ListenerSettings(f"127.0.0.1:{port}")],
                    lambda: pytest.fail("it was committed"),
                )
        assert doors.bound.mqtt == before
        assert await ask(before[0]) == "certificate"
        socket.create_server(("127.0.0.1", free)).close()  # what was bound in vain is free again
        doors.close()

    asyncio.run(main())


def test_a_port_goes_from_every_address_to_one_and_back() -> None:
    async def main() -> None:
        doors, port = Doors(reception(), greet), free_port()
        everywhere, here = ListenerSettings(f"0.0.0.0:{port}"), ListenerSettings(f"127.0.0.1:{port}", "password")
        doors.change([everywhere], nothing)
        doors.change([here], nothing)
        assert doors.bound.mqtt == [("127.0.0.1", port)]
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError):
            doors.change([everywhere, ListenerSettings(f"127.0.0.1:{taken.getsockname()[1]}")], nothing)
        assert doors.bound.mqtt == [("127.0.0.1", port)], "what was closed to make room is open again"
        assert await ask(("127.0.0.1", port)) == "password"
        doors.change([everywhere], nothing)
        assert doors.bound.mqtt == [("0.0.0.0", port)]
        doors.close()

    asyncio.run(main())


def test_whoever_speaks_without_tls_is_warned_about_at_each_start(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        doors = Doors(reception(), greet)
        doors.change([ListenerSettings(LOCAL, "password", plaintext=True)], nothing)
        doors.close()

    asyncio.run(main())
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "127.0.0.1:0 speaks WITHOUT TLS" in record.getMessage()
