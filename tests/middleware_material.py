"""Material for the matrix of middlewares: good certificates, and each kind of bad one."""

from __future__ import annotations

from certificates import DAY, HOUR, NOW, Authority, Credentials
from middleware_pairs import DEVICE_PSK
from sealmq.kit.middleware.material import Good, Material, Shown
from tls_pairs import Trust

HOSTS = ["localhost", "127.0.0.1"]


def material(trust: Trust) -> Material:
    """Everything, of one PKI."""

    def shown(credentials: Credentials, name: str) -> Shown:
        return Shown(*credentials.save(trust.folder, f"matrix-{name}"))

    def broker(name: str, **more: object) -> Shown:
        credentials = trust.server_ca.issue("localhost", purpose="server", hosts=HOSTS, **more)  # type: ignore[arg-type]
        return shown(credentials, name)

    def device(name: str, authority: Authority = trust.device_ca, **more: object) -> Shown:
        return shown(authority.issue("device", **more), name)  # type: ignore[arg-type]

    revoked = trust.device_ca.issue("device")
    other_root = trust.folder / "other-root.pem"
    other_root.write_bytes(trust.foreign_ca.pem)
    past = {"not_before": NOW - 30 * DAY, "not_after": NOW - HOUR}
    future = {"not_before": NOW + DAY, "not_after": NOW + 30 * DAY}
    return Material(
        good=Good(
            root=trust.root,
            broker=shown(trust.broker, "broker"),
            anchors=trust.device_ca.pem,
            device=shown(trust.device, "device"),
            host="localhost",
            address="127.0.0.1",
            crl=trust.device_ca.crl([revoked], next_update=NOW + 3650 * DAY),
        ),
        other_root=other_root,
        broker_expired=broker("broker-expired", **past),
        broker_not_yet=broker("broker-not-yet", **future),
        broker_for_clients=device("broker-for-clients", hosts=HOSTS),
        device_foreign=device("device-foreign", trust.foreign_ca),
        device_expired=device("device-expired", **past),
        device_not_yet=device("device-not-yet", **future),
        device_revoked=shown(revoked, "device-revoked"),
        device_for_servers=device("device-for-servers", purpose="server"),
        psk=DEVICE_PSK,
    )
