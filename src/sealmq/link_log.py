"""What the log says of links: one line for each thing that a person would want to know, with who and from where."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sealmq.broker.limits import Limits
from sealmq.errors import Error, TLSError
from sealmq.identity import Identity
from sealmq.mqtt.codes import ProtocolLevel, ReasonCode
from sealmq.tls.middleware import HandshakeProof

log = logging.getLogger("sealmq.link")

SOON = 30 * 24.0
"""Hours before the end of a certificate from which on its device is a warning: a month is enough to reach most things
by hand. A certificate that was made for less than that warns from its first day."""

Who = Mapping[str, str]
"""The fields that a line in JSON carries: address, device or account, serial, client_id."""


def who(peer: str, identity: Identity | None, account: str, client_id: str | None) -> dict[str, str]:
    """The fields of a line about this client, as far as they are known."""
    fields = {"address": peer}
    if identity is not None:
        fields |= {identity.kind: identity.name, "serial": identity.serial}
    if account:
        fields["account"] = account
    if client_id is not None:
        fields["client_id"] = client_id
    return fields


def tell_refused(peer: str, error: Error, certificate: str, who: Who) -> None:
    """The handshake failed, or its certificate was not taken. certificate: it in words, "" when none came."""
    alert = ""
    if isinstance(error, TLSError) and error.alert:
        alert = f"; alert {error.alert} {'sent' if error.sent else 'received'}"
    log.warning(
        "%s was refused: %s%s%s%s",
        peer,
        error.what,
        f" ({certificate})" if certificate else "",
        alert,
        f"; next: {error.remedy}" if error.remedy else "",
        extra=dict(who),
    )


def tell_late(link: object, proof: HandshakeProof | None, met: str, limits: Limits, who: Who) -> None:
    """The time of a stage before CONNECT is over. met: the limit's name."""
    doing = "CONNECT"
    if met == "handshake_timeout":
        doing = "WebSocket handshake" if proof else "TLS handshake"
    log.info(
        "%s sent no whole %s in %.0f s; next: for a slow device, raise [limits] %s in sealmq.toml",
        link,
        doing,
        getattr(limits, met),
        met,
        extra=dict(who),
    )


def tell_connected(
    identity: Identity, client_id: str, level: int, proof: HandshakeProof | None, who: Who, now: float
) -> None:
    """A client was let in. A warning when its certificate ends soon, or nobody would know before it is refused."""
    hours = (identity.not_after - now) / 3600 if identity.kind != "claim" else SOON  # a claim is meant to end soon
    log.log(
        logging.WARNING if hours < SOON else logging.INFO,
        "%s connected from %s as client %r (MQTT %s, %s)%s",
        identity.name,
        who["address"],
        client_id,
        "5" if level == ProtocolLevel.V5 else "3.1.1",
        f"{proof.version}, {proof.cipher}" if proof else "no TLS",
        _ends_in(hours, identity.name) if hours < SOON else "",
        extra=dict(who),
    )


def _ends_in(hours: float, name: str) -> str:
    left = f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours" if hours >= 2 else "less than two hours"
    renew = f"have it renew (sealmq renew BUNDLE), or sealmq device revoke {name}, then add it, for new files"
    return f"; its certificate ends in {left}; next: {renew}"


def tell_end(link: object, why: str, reason_code: int, who: Who) -> None:
    """The broker ends a link."""
    known = reason_code in ReasonCode.__members__.values()
    words = ReasonCode(reason_code).words if known else "?"
    log.info("%s ends: %s (reason code 0x%02X, %s)", link, why, reason_code, words, extra=dict(who))


def tell_lost(link: object, why: str, is_shaken: bool, who: Who) -> None:
    """The connection is gone."""
    if is_shaken:
        log.info("%s is lost%s", link, f": {why}" if why else "", extra=dict(who))
    else:
        log.info("%s went away during the handshake%s", link, f": {why}" if why else "", extra=dict(who))
