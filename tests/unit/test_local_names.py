from __future__ import annotations

import socket
import threading
from types import SimpleNamespace

import ifaddr

from sealmq import local_names as module
from sealmq.local_names import local_names


def adapters(*addresses):
    return lambda: [SimpleNamespace(ips=[SimpleNamespace(ip=address) for address in addresses])]


def test_the_names_of_this_machine():
    names = local_names()
    assert names.dns[0] == "localhost"
    assert names.addresses[:2] == ("127.0.0.1", "::1")


def test_what_is_no_name_is_left_out(monkeypatch):
    monkeypatch.setattr("platform.node", lambda: "my_host.example")
    monkeypatch.setattr(socket, "getfqdn", lambda host: "host.example")
    addresses = ["10.0.0.1", ("fe80::1", 0, 2), ("fd00::1", 0, 0), *(f"10.1.0.{n}" for n in range(99))]
    monkeypatch.setattr(ifaddr, "get_adapters", adapters(*addresses))
    names = local_names()
    assert names.dns == ("localhost", "host.example")
    assert names.addresses[:3] == ("127.0.0.1", "::1", "10.0.0.1")
    assert "fe80::1" not in names.addresses
    assert len(names.addresses) == 64


def test_a_resolver_that_does_not_answer_stops_nobody(monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(module, "_FQDN_SECONDS", 0.01)
    monkeypatch.setattr(socket, "getfqdn", lambda host: answered.wait(5) and host)
    assert local_names().dns[0] == "localhost"
    answered.set()
