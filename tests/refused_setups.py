"""Brokers and devices that must not come together, for any middleware: what is wrong, and what each side must say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from certificates import DAY, NOW, Credentials
from middleware_pairs import client_material, server_material
from sealmq.tls.middleware import ClientMaterial, ServerMaterial
from tls_pairs import Trust


def credentials(trust: Trust, who: Credentials) -> dict[str, Path]:
    """The files of `who`, as materials take them."""
    chain, key = who.save(trust.folder, f"{who.serial}")
    return {"chain": chain, "key": key}


def setup(trust: Trust, case: str) -> tuple[ServerMaterial, ClientMaterial, str]:
    """The broker's material, the device's, and what is dialled."""
    server, client, host = server_material(trust), client_material(trust), "localhost"
    match case:
        case "wrong name" | "wrong address" | "wrong IPv6 address":
            host = {"wrong name": "elsewhere", "wrong address": "127.0.0.2"}.get(case, "::1")
        case "a wildcard for a top-level domain":
            posing = trust.server_ca.issue("*.example", purpose="server", hosts=["*.example", "a.b.example"])
            server, host = replace(server, **credentials(trust, posing)), "broker.example"
        case "another CA's broker":
            root = trust.folder / "foreign.pem"
            root.write_bytes(trust.foreign_ca.pem)
            client = replace(client, root=root)
        case "another CA's device":
            client = replace(client, **credentials(trust, trust.foreign_ca.issue("device")))
        case "no certificate":
            client = replace(client, chain=None, key=None)
        case "a device as a broker":
            posing = trust.server_ca.issue("localhost", purpose="client", hosts=["localhost"])
            server = replace(server, **credentials(trust, posing))
        case "a broker as a device":
            client = replace(client, **credentials(trust, trust.device_ca.issue("device", purpose="server")))
        case "an old device":
            old = trust.device_ca.issue("device", not_before=NOW - 10 * DAY, not_after=NOW - DAY)
            client = replace(client, **credentials(trust, old))
        case "a device of tomorrow":
            young = trust.device_ca.issue("device", not_before=NOW + DAY, not_after=NOW + 9 * DAY)
            client = replace(client, **credentials(trust, young))
        case "an old broker":
            old = trust.server_ca.issue(
                "localhost", purpose="server", hosts=["localhost"], not_before=NOW - 10 * DAY, not_after=NOW - DAY
            )
            server = replace(server, **credentials(trust, old))
        case "a revoked device":
            server = replace(server, crl=trust.device_ca.crl([trust.device]))
        case "no list of this CA":
            server = replace(server, crl=trust.foreign_ca.crl())
        case "a list that is over":
            server = replace(server, crl=trust.device_ca.crl(next_update=NOW - DAY))
    return server, client, host


BROKER_REFUSES = {
    "another CA's device": ("was not issued by the authority", "unknown_ca"),
    "no certificate": ("showed no certificate", "certificate_required"),
    "a broker as a device": ("for another purpose", "unsupported_certificate"),
    "an old device": ("has expired", "certificate_expired"),
    "a device of tomorrow": ("not valid yet", "certificate_unknown"),
    "a revoked device": ("was revoked", "certificate_revoked"),
    "no list of this CA": ("no revocation list", "unknown_ca"),
    "a list that is over": ("revocation list has expired", "certificate_unknown"),
}
DEVICE_REFUSES = {
    "wrong name": ("does not carry the name", "bad_certificate"),
    "a wildcard for a top-level domain": ("does not carry the name", "bad_certificate"),
    "wrong address": ("does not carry the address", "bad_certificate"),
    "wrong IPv6 address": ("does not carry the address", "bad_certificate"),
    "another CA's broker": ("was not issued by the authority", "unknown_ca"),
    "a device as a broker": ("for another purpose", "unsupported_certificate"),
    "an old broker": ("has expired", "certificate_expired"),
}
