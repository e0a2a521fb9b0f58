"""Listening until it is enough: by the count, the time, or somebody's word."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from mqtt_bytes import CONNECT_V5
from ports import free_port
from sealmq.errors import PortTakenError
from sealmq.kit.eavesdrop.events import Event
from sealmq.kit.eavesdrop.listening import Orders, Result, listen
from sealmq.kit.eavesdrop.relay import Address

HERE = Address("127.0.0.1", 0)
WAIT = 20.0


async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def dial(address: Address) -> None:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(CONNECT_V5)
    writer.write_eof()
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()


def scene(clients: int, *, count: int | None = None, seconds: float | None = None, stop_after: bool = False,
          there: bool = True) -> tuple[Result, list[Event]]:  # fmt: skip
    """So many devices, one after the other, and what came of it."""
    events: list[Event] = []

    async def play() -> Result:
        broker = await asyncio.start_server(sink, "127.0.0.1", 0)
        target = Address(*broker.sockets[0].getsockname()) if there else Address("127.0.0.1", free_port())
        stop = asyncio.Event()
        found: asyncio.Future[Address] = asyncio.get_running_loop().create_future()
        orders = Orders(target, HERE, count, seconds)
        listener = asyncio.create_task(listen(orders, events.append, lambda one: found.set_result(one[0]), stop))
        address = await found
        for _ in range(clients):
            await dial(address)
        if stop_after:
            stop.set()
        result = await asyncio.wait_for(listener, WAIT)
        broker.close()
        return result

    return asyncio.run(play()), events


def test_it_ends_after_the_count() -> None:
    result, events = scene(3, count=3)
    assert result.summary.plaintext.connections == 3
    assert (result.reached, result.exit_code) == (3, 0)
    assert [event.connection for event in events if event.name == "closed"] == [1, 2, 3]


def test_it_ends_after_the_time() -> None:
    result, _ = scene(0, seconds=0.1)
    assert result.summary.connections == 0
    assert result.exit_code == 0


def test_it_ends_when_it_is_told_to() -> None:
    result, _ = scene(1, stop_after=True)
    assert result.reached == 1


def test_a_broker_that_is_nowhere_is_a_failure_and_counts_as_a_connection() -> None:
    result, events = scene(2, count=2, there=False)
    assert (result.reached, result.unreachable, result.exit_code) == (0, 2, 1)
    assert [event.name for event in events] == ["unreachable"] * 2


def test_a_port_that_is_taken_is_said() -> None:
    async def play() -> None:
        taken = await asyncio.start_server(sink, "127.0.0.1", 0)
        orders = Orders(Address("127.0.0.1", 1), Address(*taken.sockets[0].getsockname()))
        with pytest.raises(PortTakenError):
            await listen(orders, lambda event: None, lambda found: None, asyncio.Event())
        taken.close()

    asyncio.run(play())
