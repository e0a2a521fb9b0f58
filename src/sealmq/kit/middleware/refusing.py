"""What must be refused, and by whom: names, authorities, purposes, dates, revocation, PSKs, versions, groups.

Rule 1: whoever must refuse raises a TLSError, is never `established` where he verifies before he is done, and reads
        nothing; what the other had queued as soon as it could is not read by anybody.
Rule 2: the alert is noted, with what the other side heard of it: "" is a library that just closes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from sealmq.errors import ConfigError, TLSError
from sealmq.kit.middleware.cases import HYBRID, POLICIES, MismatchError, expect, in_words, of_broker
from sealmq.kit.middleware.material import Material, Shown
from sealmq.kit.middleware.meeting import Meeting, Side
from sealmq.kit.middleware.outcome import Outcome, Result
from sealmq.tls.middleware import PSK, TLS12, TLS13, ClientMaterial, Middleware, ServerMaterial, Version
from sealmq.tls.policy import TLSPolicy

By = Literal["client", "server", "either"]

WRONG_HOST: Final = "elsewhere.example"
WRONG_ADDRESS: Final = "127.0.0.99"


@dataclass(frozen=True, slots=True)
class Setting:
    """What the two begin with. For each case one thing of it is changed."""

    server: ServerMaterial
    client: ClientMaterial
    host: str
    of_server: TLSPolicy
    of_client: TLSPolicy


@dataclass(frozen=True, slots=True)
class Refusal:
    """One case. by: who must refuse. change: the good setting -> the one that must be refused.

    psk: it begins with a PSK on both sides. may_decline: a library may refuse to show what the other must refuse.
    lacking: why these two cannot be tried so, "" when they can.
    """

    id: str
    title: str
    by: By
    change: Callable[[Setting, Material], Setting]
    psk: bool = False
    may_decline: bool = False
    lacking: Callable[[Middleware, Middleware, Version], str] = lambda client, server, version: ""


def _broker(shown: Callable[[Material], Shown]) -> Callable[[Setting, Material], Setting]:
    """The broker shows something else."""

    def change(setting: Setting, material: Material) -> Setting:
        other = shown(material)
        return replace(setting, server=replace(setting.server, chain=other.chain, key=other.key))

    return change


def _device(shown: Callable[[Material], Shown | None]) -> Callable[[Setting, Material], Setting]:
    """The device shows something else, or nothing."""

    def change(setting: Setting, material: Material) -> Setting:
        other = shown(material)
        chain, key = (other.chain, other.key) if other else (None, None)
        return replace(setting, client=replace(setting.client, chain=chain, key=key))

    return change


def _dial(host: str) -> Callable[[Setting, Material], Setting]:
    return lambda setting, material: replace(setting, host=host)


def _trust_another(setting: Setting, material: Material) -> Setting:
    return replace(setting, client=replace(setting.client, root=material.other_root))


def _psk_of_client(change: Callable[[PSK], PSK]) -> Callable[[Setting, Material], Setting]:
    return lambda setting, material: replace(setting, client=ClientMaterial(psk=change(material.psk)))


def _impostor(setting: Setting, material: Material) -> Setting:
    return replace(setting, server=replace(material.good.server(), crl=None))


def _certificate_to_psk(setting: Setting, material: Material) -> Setting:
    return replace(setting, client=material.good.client())


def _no_common_version(setting: Setting, material: Material) -> Setting:
    return replace(setting, of_server=POLICIES[TLS13 if setting.of_client.highest == TLS12 else TLS12])


def _hybrid_demanded(setting: Setting, material: Material) -> Setting:
    return replace(setting, of_server=HYBRID)


def _needs_addresses(client: Middleware, server: Middleware, version: Version) -> str:
    return "" if client.abilities.addresses else f"{client.name} compares no address with a certificate"


def _needs_revocation(client: Middleware, server: Middleware, version: Version) -> str:
    return "" if server.abilities.revocation else f"{server.name} looks at no list of revoked certificates"


def _needs_other_version(client: Middleware, server: Middleware, version: Version) -> str:
    other = TLS13 if version == TLS12 else TLS12
    return "" if other in server.abilities.versions else f"{server.name} has no {other.replace('TLSv', 'TLS ')}"


def _needs_hybrid(client: Middleware, server: Middleware, version: Version) -> str:
    if client.abilities.hybrid_groups:
        return f"{client.name} has a hybrid group, and is let in"
    if version == TLS12:
        return "a hybrid group is demanded of TLS 1.3 alone"
    return "" if server.abilities.hybrid_groups else f"{server.name} has no hybrid group"


def _needs_certificate_client(client: Middleware, server: Middleware, version: Version) -> str:
    return "" if version in server.abilities.psk_server else _no_psk(server, version, "listener")


def _needs_psk_client(client: Middleware, server: Middleware, version: Version) -> str:
    return "" if version in client.abilities.psk_client else _no_psk(client, version, "device")


def _needs_psk(client: Middleware, server: Middleware, version: Version) -> str:
    return _needs_psk_client(client, server, version) or _needs_certificate_client(client, server, version)


def _no_psk(middleware: Middleware, version: Version, who: str) -> str:
    return f"{middleware.name} has no PSK of {version.replace('TLSv', 'TLS ')} for a {who}"


def _another_key(psk: PSK) -> PSK:
    return PSK(psk.identity, bytes(each ^ 0x5A for each in psk.key))


def _another_identity(psk: PSK) -> PSK:
    return PSK(f"not-{psk.identity}", psk.key)


REFUSALS: Final = (
    Refusal("wrong-host", "another host name is dialled", "client", _dial(WRONG_HOST)),
    Refusal("wrong-address", "another address is dialled", "client", _dial(WRONG_ADDRESS), lacking=_needs_addresses),
    Refusal("other-ca", "the broker is of another CA", "client", _trust_another),
    Refusal("device-as-broker", "a device's certificate as a broker's", "client",
            _broker(lambda material: material.broker_for_clients), may_decline=True),
    Refusal("broker-expired", "the broker's certificate has expired", "client",
            _broker(lambda material: material.broker_expired)),
    Refusal("broker-not-yet", "the broker's is not yet valid", "client",
            _broker(lambda material: material.broker_not_yet)),
    Refusal("no-certificate", "the device shows no certificate", "server", _device(lambda material: None)),
    Refusal("device-of-other-ca", "the device is of another CA", "server",
            _device(lambda material: material.device_foreign)),
    Refusal("broker-as-device", "a broker's certificate as a device's", "server",
            _device(lambda material: material.device_for_servers), may_decline=True),
    Refusal("device-expired", "the device's certificate has expired", "server",
            _device(lambda material: material.device_expired)),
    Refusal("device-not-yet", "the device's is not yet valid", "server",
            _device(lambda material: material.device_not_yet)),
    Refusal("revoked", "the device's was revoked", "server",
            _device(lambda material: material.device_revoked), lacking=_needs_revocation),
    Refusal("psk-wrong-key", "PSK: another key", "either", _psk_of_client(_another_key), psk=True, lacking=_needs_psk),
    Refusal("psk-unknown", "PSK: an unknown identity", "either", _psk_of_client(_another_identity), psk=True,
            lacking=_needs_psk),
    Refusal("psk-impostor", "PSK: a broker that shows a certificate instead", "either", _impostor, psk=True,
            lacking=_needs_psk_client),
    Refusal("certificate-to-psk", "a certificate where a PSK is wanted", "either", _certificate_to_psk, psk=True,
            lacking=_needs_certificate_client),
    Refusal("no-common-version", "no TLS version in common", "either", _no_common_version,
            lacking=_needs_other_version),
    Refusal("no-hybrid", "a hybrid group is demanded, the device has none", "either", _hybrid_demanded,
            lacking=_needs_hybrid),
)  # fmt: skip

EARLY: Final = b"what the client had to say as soon as it could"
LATE: Final = b"what the server had to say"


def try_refusal(
    refusal: Refusal, version: Version, client: Middleware, server: Middleware, material: Material
) -> Result:
    """Have the two meet where they must not come together."""

    def result(outcome: Outcome, why: str, alert: str = "", heard: str = "") -> Result:
        return Result(refusal.id, version, client.name, server.name, outcome, why, alert, heard)

    lacks = next(_lacking(refusal, client, server, version), "")
    if lacks:
        return result(Outcome.IMPOSSIBLE, lacks)
    try:
        meeting = _meet(refusal.change(_begin(refusal, version, server, material), material), client, server)
        shows = server if refusal.by == "client" else client
        if refusal.may_decline and _has_declined(meeting, refusal.by):
            return result(Outcome.IMPOSSIBLE, f"{shows.name} shows no certificate that has another purpose")
        error = _judge(refusal, meeting)
    except ConfigError as wrong:
        return result(Outcome.FAILED, f"{wrong.what}: {wrong.why}")
    except Exception as wrong:
        return result(Outcome.FAILED, in_words(wrong))
    return result(Outcome.REFUSED, error.what, error.alert, _heard(meeting, error))


def _lacking(refusal: Refusal, client: Middleware, server: Middleware, version: Version) -> Iterator[str]:
    for each in (client, server):
        if version not in each.abilities.versions and refusal.id != "no-common-version":
            yield f"{each.name} has no {version.replace('TLSv', 'TLS ')}"
    if version not in client.abilities.versions:
        yield f"{client.name} has no {version.replace('TLSv', 'TLS ')}"
    if found := refusal.lacking(client, server, version):
        yield found


def _begin(refusal: Refusal, version: Version, server: Middleware, material: Material) -> Setting:
    policy = POLICIES[version]
    if refusal.psk:
        return Setting(
            material.psk_server(), ClientMaterial(psk=material.psk), material.good.host, policy, policy
        )  # fmt: skip
    return Setting(of_broker(server, material), material.good.client(), material.good.host, policy, policy)


def _meet(setting: Setting, client: Middleware, server: Middleware) -> Meeting:
    listener = server.server_context(setting.of_server, setting.server)
    device = client.client_context(setting.of_client, setting.client)
    meeting = Meeting(device.connection(setting.host), listener.connection())
    meeting.client.connection.send(EARLY)
    meeting.server.connection.send(LATE)
    meeting.settle()
    return meeting


def _judge(refusal: Refusal, meeting: Meeting) -> TLSError:
    """The error of the side that refused. Raises MismatchError."""
    client, server = meeting.client, meeting.server
    expect(not server.connection.established, "the server has taken the client for good")
    expect(server.read == b"", "the server has read what the client said")
    expect(client.read == b"", "the client has read what the server said")
    expect(server.connection.peer_certificate == b"", "the server has a certificate that nobody has proved")
    if refusal.by != "server":
        # A server verifies last, so under TLS 1.3 a client is done before it is refused (RFC 8446 section 4.4).
        expect(not client.connection.established, "the client is done with the handshake")
    refusers = {"client": (client,), "server": (server,), "either": (client, server)}[refusal.by]
    for side in refusers:
        if side.error is not None and (side.error.sent or not side.error.alert):
            return side.error
    said = next((in_words(side.error) for side in (client, server) if side.error), "nothing was said")
    raise MismatchError(f"it was not refused by the {refusal.by}: {said}")


def _has_declined(meeting: Meeting, by: By) -> bool:
    """Has the side that should show something wrong ended it, and not the one that must refuse it?"""
    refuser, other = (meeting.client, meeting.server) if by == "client" else (meeting.server, meeting.client)
    refused = refuser.error is not None and refuser.error.sent
    declined = other.error is not None and other.error.sent and bool(other.error.alert)
    return declined and not refused and not other.connection.established


def _heard(meeting: Meeting, error: TLSError) -> str:
    """The alert as it came to the other side."""
    other: Side = meeting.server if meeting.client.error is error else meeting.client
    return other.error.alert if other.error is not None and not other.error.sent else ""
