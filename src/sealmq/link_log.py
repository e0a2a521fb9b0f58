"""What the log says of links: one line for each thing that a person would want to know, with who and from where."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sealmq.broker.limits import Limits
from sealmq.errors import Error, TLSError
from sealmq.identity import Identity, Terms
from sealmq.mqtt.codes import ProtocolLevel, ReasonCode
from sealmq.tls.middleware import HandshakeProof

log = logging.getLogger("sealmq.link")

SOON = 30 * 24.0
"""Hours before the end of a certificate from which on its device is a warning: a month is enough to reach most things
by hand. A certificate that was made for less than that warns from its first day."""

_OF_ANOTHER_KIND = frozenset(
    {"handshake_failure", "missing_extension", "insufficient_security", "certificate_required"}
)
"""Alerts that a listener for certificates sends when a PSK is all that is offered; or the other way round."""

_OF_A_WRONG_KEY = ("bad_record_mac", "decrypt_error")
"""Alerts that a listener for PSKs sends when the identity is known, and the key is another."""

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


def tell_refused(peer: str, error: Error, certificate: str, terms: Terms, who: Who) -> None:
    """The handshake failed, or its certificate or PSK was not taken.

    certificate: it in words, "" when none came. terms: what the listener asks for.
    """
    alert = ""
    if isinstance(error, TLSError) and error.alert:
        alert = f"; alert {error.alert} {'sent' if error.sent else 'received'}"
    remedy = _remedy(error, terms)
    log.warning(
        "%s was refused: %s%s%s%s",
        peer,
        error.what,
        f" ({certificate})" if certificate else "",
        alert,
        f"; next: {remedy}" if remedy else "",
        extra=dict(who),
    )


def _remedy(error: Error, terms: Terms) -> str:
    """What to do next; also where it may be that a device came by the listener for the other kind of proof."""
    if not isinstance(error, TLSError) or not error.sent:
        return error.remedy
    if terms.asks_psk and error.alert in _OF_A_WRONG_KEY:
        return "compare the key that the device has with its psk.txt: another one looks just like this"
    if error.alert not in _OF_ANOTHER_KIND:
        return error.remedy
    if terms.asks_psk:
        return "this listener takes PSKs alone (sealmq device add NAME --psk): with a certificate, dial another"
    if not terms.asks_certificate:
        return error.remedy
    other = 'a device with a PSK dials a listener with auth = "psk"'
    return f"{error.remedy}; {other}" if error.remedy else other


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
        _ends_in(hours, identity) if hours < SOON else "",
        extra=dict(who),
    )


def _ends_in(hours: float, identity: Identity) -> str:
    left = f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours" if hours >= 2 else "less than two hours"
    name = identity.name
    renew = f"have it renew (sealmq renew BUNDLE), or sealmq device revoke {name}, then add it, for new files"
    if identity.credential == "PSK":
        renew = f"sealmq device revoke {name}, then sealmq device add {name} --psk, for a new key"
    return f"; its {identity.credential} ends in {left}; next: {renew}"


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
