from __future__ import annotations

from sealmq.tls.wolfssl.sessions import Session, Sessions
from sealmq.tls.wolfssl.wires import Callbacks, Wire
from wolfssl_here import library


def test_a_connection_has_one_ticket_and_no_other() -> None:
    store = Sessions()
    mine, stolen = store.keep(Session(b"s", b"me", "", 0)), store.keep(Session(b"s", b"somebody else", "", 0))
    wire = Wire(sessions=store)
    found = wire.find(mine, 1)
    assert found is not None
    wire.offered = mine, found
    assert wire.find(stolen, 1) is None
    assert wire.find(mine, 1) is found  # wolfSSL looks several times


def test_whoever_has_named_a_key_has_no_ticket() -> None:
    store = Sessions()
    handle = store.keep(Session(b"s", b"", "sensor-1", 0))
    wire = Wire(sessions=store)
    wire.psk_identity = "sensor-2"
    assert wire.find(handle, 1) is None
    assert Wire().find(handle, 1) is None


def test_the_clock_is_wolfssl_s() -> None:
    now = Callbacks(library()).now()
    assert now > 1_700_000_000


def test_bytes_go_in_and_out() -> None:
    callbacks, ffi = Callbacks(library()), library().ffi
    wire = Wire()
    handle = ffi.new_handle(wire)
    buffer = ffi.new("char[]", 10)
    assert callbacks._receive(ffi.NULL, buffer, 5, handle) == -2
    wire.incoming += b"abcdefgh"
    assert callbacks._receive(ffi.NULL, buffer, 5, handle) == 5
    assert bytes(ffi.buffer(buffer, 5)) == b"abcde"
    assert wire.incoming == b"fgh"
    assert callbacks._transmit(ffi.NULL, buffer, 3, handle) == 3
    assert wire.outgoing == b"abc"
