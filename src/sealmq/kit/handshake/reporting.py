"""A Report of what was seen: of a connection of our own (dial.py), or of somebody else's (a capture, a front)."""

from __future__ import annotations

import ssl
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path

from sealmq.errors import TLSError, TrustError
from sealmq.kit.dissect.conversation import ContentType, Conversation, Sender
from sealmq.kit.dissect.fields import printable
from sealmq.kit.dissect.finished import finished_proofs
from sealmq.kit.dissect.keylog import read_key_log
from sealmq.kit.dissect.registry import tell_scheme
from sealmq.kit.handshake.certificates import name_of as name_of_authority
from sealmq.kit.handshake.chain import judge
from sealmq.kit.handshake.contexts import Credentials
from sealmq.kit.handshake.cost import cost_of
from sealmq.kit.handshake.dial import Seen
from sealmq.kit.handshake.exposures import exposures_of
from sealmq.kit.handshake.facts import Facts, key_exchange_of, negotiated_of
from sealmq.kit.handshake.fingerprint import fingerprint_of
from sealmq.kit.handshake.flights import flight_of_each, flights_of
from sealmq.kit.handshake.mqtt_inside import level_of, read_packets, size_of, tell_packet
from sealmq.kit.handshake.proof import check_proof
from sealmq.kit.handshake.report import (
    Chain,
    ClientAuthentication,
    Cost,
    Kind,
    MessageRow,
    Meta,
    Outcome,
    PacketRow,
    Report,
    Step,
    Target,
    Timing,
    Trial,
    Verdict,
)
from sealmq.kit.handshake.steps import Facts as StepFacts
from sealmq.kit.handshake.steps import named_key, tell_steps
from sealmq.kit.handshake.timeline import MOST_ROWS, extension_rows, message_rows, record_rows
from sealmq.kit.handshake.words import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What there is to report of, whoever saw it.

    name:        the name or address that the client dialled; None where nobody knows.
    authorities: PEM of whom the client trusts; None where nobody knows.
    crl:         lists of revoked certificates, PEM or DER; None for none.
    now:         Unix seconds by which dates are judged.
    finished:    is each Finished what the secrets make of the handshake, by the message's number; none without keys.
    packets:     the MQTT inside; None: it is read out of the conversation's application data.
    refused:     why the client's TLS library refused the server's certificate, in its words; "" where it did not.
    """

    target: Target
    meta: Meta
    timing: Timing
    conversation: Conversation
    facts: Facts
    outcome: Outcome
    now: float
    name: str | None = None
    authorities: bytes | None = None
    crl: bytes | None = None
    finished: Mapping[int, bool] = field(default_factory=dict)
    packets: tuple[PacketRow, ...] | None = None
    trials: tuple[Trial, ...] = ()
    refused: str = ""


def report_of(looked: Looked) -> Report:
    """Put together all that is to be told."""
    conversation, facts = looked.conversation, looked.facts
    chains = {sender: _chain(looked, sender) for sender in Sender}
    flight_of = flight_of_each(conversation)
    scene = Scene(
        client_hello=facts.client_hello,
        server_hello=facts.server_hello,
        leaf={sender: chain.certificates[0] for sender, chain in chains.items() if chain and chain.certificates},
        resumed=facts.resumed,
        asked=facts.asked is not None,
        psk=facts.psk,
    )
    packets = looked.packets if looked.packets is not None else _packets(conversation)
    rows = message_rows(conversation, facts, scene, flight_of, packets, looked.finished)
    return Report(
        target=looked.target,
        outcome=looked.outcome,
        meta=looked.meta,
        timing=looked.timing,
        negotiated=negotiated_of(facts),
        records=record_rows(conversation, facts),
        messages=rows,
        flights=flights_of(conversation)[:MOST_ROWS],
        extensions=extension_rows(facts),
        key_exchange=key_exchange_of(facts),
        chain=chains[Sender.SERVER],
        client_chain=chains[Sender.CLIENT],
        client_authentication=_client_authentication(looked, packets),
        mqtt=packets,
        steps=_steps(rows, facts, chains[Sender.SERVER], sealed=not conversation.opened)
        if facts.server_hello is not None
        else (),
        cost=_cost(looked),
        eavesdropper=exposures_of(conversation),
        fingerprint=fingerprint_of(conversation),
    )


def _chain(looked: Looked, sender: Sender) -> Chain | None:
    """The judgement on what this end showed. Whether a client is trusted, only its broker could say."""
    shown = looked.facts.chains.get(sender)
    if not shown:
        return None
    server = sender is Sender.SERVER
    chain = judge(
        sender,
        shown,
        authorities=looked.authorities if server else None,
        name=looked.name if server else None,
        now=looked.now,
        purpose="server" if server else "client",
        crl=looked.crl if server else None,
    )
    proof = check_proof(looked.conversation, sender)
    chain = replace(chain, rules=(*chain.rules, proof))
    if chain.trusted and server and looked.refused:
        said = f"{printable(looked.refused)}; the rules that are tested here would take it"
        return replace(chain, trusted=False, sentence=f"The client's TLS library refused it: {said}")
    if chain.trusted and proof.verdict is Verdict.BAD:
        return replace(chain, trusted=False, sentence=f"It was shown by somebody who has not its key: {proof.reason}")
    return chain


def _is_unasked(facts: Facts) -> bool:
    """Did it end before a server of TLS 1.3 could have asked (RFC 8446 section 4.3.2)?"""
    return facts.tls13 and not facts.resumed and facts.psk is None and "EncryptedExtensions" not in facts.names


def _client_authentication(looked: Looked, packets: Sequence[PacketRow]) -> ClientAuthentication | None:
    """None where it did not come to the question."""
    facts = looked.facts
    if facts.server_hello is None or (looked.conversation.opened and _is_unasked(facts)):
        return None
    asked, shown = facts.asked, bool(facts.chains.get(Sender.CLIENT))
    if facts.psk is not None:
        sentence = f"{named_key(facts.psk)} says who the client is: no certificate is needed"
        return ClientAuthentication(asked=False, authorities=(), signatures=(), result="not asked", sentence=sentence)
    if asked is None and facts.tls13 and not looked.conversation.opened:
        sentence = "whether the server asked for a certificate is encrypted: only with the keys it could be seen"
        return ClientAuthentication(asked=False, authorities=(), signatures=(), result="unknown", sentence=sentence)
    if asked is None:
        sentence = (
            "the session of before says who the client is"
            if facts.resumed
            else "the server asks for no certificate: a name and a password, or nobody, says who the client is"
        )
        return ClientAuthentication(asked=False, authorities=(), signatures=(), result="not asked", sentence=sentence)
    result, sentence = _verdict_on_client(looked, shown, taken=_is_taken(looked, packets))
    return ClientAuthentication(
        asked=True,
        authorities=tuple(name_of_authority(name) for name in asked.authorities[:32]),
        signatures=tuple(tell_scheme(code) for code in asked.schemes[:32]),
        result=result,
        sentence=sentence,
    )


def _is_taken(looked: Looked, packets: Sequence[PacketRow]) -> str:
    """What says that the server took the client as it showed itself, in words; "" where nothing does.

    Under TLS 1.2 the server's Finished comes behind the client's certificate. Under TLS 1.3 only CONNACK says it.
    """
    if looked.outcome.kind is not Kind.CONNECTED:
        return ""
    if any((one.sender, one.name) == (Sender.SERVER, "CONNACK") for one in packets):
        return "CONNACK says that it took it"
    return "" if looked.facts.tls13 else "finished the handshake behind it"


def _verdict_on_client(looked: Looked, shown: bool, *, taken: str) -> tuple[str, str]:
    """Judged by CONNACK or an alert; in TLS 1.3 never by a handshake that is complete: the server looks later."""
    outcome = looked.outcome
    if taken and shown:
        return "accepted", f"the server asked for a certificate, got one, and {taken}"
    if taken:
        return (
            "nothing shown",
            "the server asked for a certificate, got none, and went on without: it is optional there",
        )
    if outcome.alert in _ABOUT_CLIENTS and outcome.by == "server":
        if shown:
            return "refused", f"the server refused the certificate that it got ({outcome.alert})"
        return "refused", f"the server asked for a certificate, got none, and ended it ({outcome.alert})"
    if not shown:
        return "nothing shown", "the server asked for a certificate and got none; it did not say what it thinks of that"
    return "unknown", "a certificate was shown; whether the server took it, the connection did not live to tell"


_ABOUT_CERTIFICATES = {
    "bad_certificate", "unsupported_certificate", "certificate_revoked", "certificate_expired", "certificate_unknown",
    "unknown_ca",
}  # fmt: skip
_ABOUT_CLIENTS = _ABOUT_CERTIFICATES | {
    "access_denied", "certificate_required", "handshake_failure", "decrypt_error", "no_certificate",
}  # fmt: skip


def _packets(conversation: Conversation) -> tuple[PacketRow, ...]:
    """The MQTT in the application data of somebody else's connection, as far as it was opened."""
    said = conversation.application
    level = level_of(said[Sender.CLIENT])
    if not level:
        return ()
    rows = [row for sender in Sender for row in _packets_of(conversation, sender, level)]
    return tuple(sorted(rows, key=lambda row: row.at))


def _packets_of(conversation: Conversation, sender: Sender, level: int) -> Iterator[PacketRow]:
    """Those of one end, each at the time at which its last byte was there."""
    contents = {record.number: record.content or 0 for record in conversation.records}
    parts = [one for one in conversation.messages if (one.sender, one.kind) == (sender, ContentType.APPLICATION_DATA)]
    arrived = list(accumulate(sum(contents[number] for number in one.records) for one in parts))
    end = 0
    for row in read_packets(sender, conversation.application[sender], 0.0, level=level):
        end += row.size
        place = min(bisect_left(arrived, end), len(parts) - 1)
        yield replace(row, at=parts[place].at if parts else 0.0)


def _steps(rows: Sequence[MessageRow], facts: Facts, chain: Chain | None, *, sealed: bool) -> tuple[Step, ...]:
    told = StepFacts(
        tls13=facts.tls13,
        key_exchange=key_exchange_of(facts),
        resumed=facts.resumed,
        asked=facts.asked is not None,
        shown=bool(facts.chains.get(Sender.CLIENT)),
        chain=chain.sentence if chain is not None else "",
        sealed=sealed,
        psk=facts.psk,
    )
    return tell_steps(rows, told)


def _cost(looked: Looked) -> Cost | None:
    facts = looked.facts
    if facts.server_hello is None:
        return None
    return cost_of(
        looked.conversation,
        suite=facts.suite,
        version=facts.version,
        tcp_round_trip=looked.timing.tcp,
        trials=looked.trials,
    )


def packets_of(seen: Seen) -> tuple[PacketRow, ...]:
    """The MQTT of a connection of our own."""
    level = seen.call.level
    return tuple(tell_packet(one.sender, one.packet, size_of(one.packet, level), one.at) for one in seen.packets)


def meta_of(seen_by: str, began: float, *, library: str = "") -> Meta:
    """How it was looked at. library: the client's, where that was us."""
    return Meta(began=began, seen=seen_by, library=library, sealmq=version("sealmq"))


def report_of_call(seen: Seen, outcome: Outcome, facts: Facts, *, now: float, trials: tuple[Trial, ...] = ()) -> Report:
    """The report of a connection of our own. Raises TrustError when the file of authorities can't be read."""
    call = seen.call
    name = call.name
    return report_of(
        Looked(
            target=Target(
                host=call.host,
                port=call.port,
                address=seen.remote[0],
                server_name=facts.client_hello.server_name if facts.client_hello is not None else "",
            ),
            meta=replace(
                meta_of(seen.seen_by, seen.began, library=seen.library),
                middleware=call.middleware,
                note=_note(seen),
            ),
            timing=Timing(
                tcp=seen.connected_at,
                handshake=seen.established_at,
                connack=seen.connack_at,
                processor=seen.cpu if seen.established_at is not None else None,
            ),
            conversation=seen.conversation,
            facts=facts,
            outcome=outcome,
            now=now,
            name=name,
            authorities=_read(_files_of_authorities(call.credentials)),
            crl=_read([call.credentials.crl] if call.credentials.crl is not None else []),
            finished=finished_proofs(seen.conversation, read_key_log(seen.key_log.splitlines()))
            if seen.key_log
            else {},
            packets=packets_of(seen),
            trials=trials,
            refused=_refused(seen),
        )
    )


def _refused(seen: Seen) -> str:
    """Why the client's TLS library refused the broker's certificate, in its words; "" where it did not."""
    error = seen.error
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, TLSError) and error.sent and error.alert in _ABOUT_CERTIFICATES:
        return error.what
    return ""


def _note(seen: Seen) -> str:
    """What nobody could see."""
    if seen.seen_by != "wire" or seen.conversation.opened or not seen.conversation.records:
        return ""
    return (
        f"{seen.library} gives nobody the keys of a connection: what it encrypted is listed here and not opened, "
        "as for anybody who listens"
    )


def _files_of_authorities(credentials: Credentials) -> list[Path]:
    """Whom we trust."""
    files = [credentials.root] if credentials.root is not None else []
    paths = ssl.get_default_verify_paths()
    return [*files, Path(paths.cafile)] if credentials.system and paths.cafile else files


def _read(files: list[Path]) -> bytes | None:
    """The files, one behind the other; None where there are none."""
    try:
        return b"".join(file.read_bytes() for file in files) or None
    except OSError as error:
        what = f"{error.filename} cannot be read"
        raise TrustError(what, why=error.strerror or str(error), remedy="name a file that you may read") from error
