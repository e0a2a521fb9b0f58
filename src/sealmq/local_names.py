"""What this machine's broker may be called: the names and addresses that its certificate says."""

from __future__ import annotations

import ipaddress
import platform
import socket
import threading

import ifaddr

from sealmq.config import CertificateSettings
from sealmq.pki.profiles import ServerNames, is_dns_name

_NAMES_AT_MOST = 64
_FQDN_SECONDS = 0.5


def broker_names(settings: CertificateSettings) -> ServerNames:
    """What the broker's certificate says: what is found on the machine, and what the configuration adds."""
    found = local_names()
    dns, addresses = list(found.dns), list(found.addresses)
    for name in settings.names:
        try:
            addresses.append(str(ipaddress.ip_address(name)))
        except ValueError:
            dns.append(name)
    return ServerNames(tuple(dns), tuple(addresses), settings.addresses_as_dns_names)


def local_names() -> ServerNames:
    """What this machine may be called by a client: localhost, its host names, its addresses (at most 64 of each).

    Link-local IPv6 addresses are left out: they mean something only together with an interface.
    """
    host = platform.node()
    short = host.split(".", 1)[0]
    candidates = ("localhost", host, f"{short}.local", _fully_qualified_name(host))
    dns = [name for name in candidates if is_dns_name(name)]
    addresses = ["127.0.0.1", "::1"]
    found = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    addresses += [ip for ip in found if isinstance(ip, str)]
    addresses += [ip[0] for ip in found if isinstance(ip, tuple) and not ip[0].lower().startswith("fe80:")]
    return ServerNames(tuple(dict.fromkeys(dns))[:_NAMES_AT_MOST], tuple(dict.fromkeys(addresses))[:_NAMES_AT_MOST])


def _fully_qualified_name(host: str) -> str:
    """The name that the resolver has for this machine, "" when it does not answer at once: a start must not wait."""
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(socket.getfqdn(host)), daemon=True)
    asking.start()
    asking.join(_FQDN_SECONDS)
    return answers[0] if answers else ""
