"""A Report on a terminal: how it ended first and last, the timeline between, and the rest as far as it was asked for.

verbosity 0: a screen and a half. 1: each message's paragraph, extensions, each rule with its reason, steps, costs.
2: the bytes, too.
"""

from __future__ import annotations

from typing import Final

from rich.console import Console

from sealmq.kit.handshake.draw.byte_lines import show_bytes
from sealmq.kit.handshake.draw.ladder import MOST_MESSAGES, Ladder
from sealmq.kit.handshake.draw.pen import LABEL, Pen
from sealmq.kit.handshake.draw.words import (
    OUTCOME_VERDICTS,
    SIGNS,
    in_bytes,
    in_time,
    many,
    properties,
    summary,
    where,
)
from sealmq.kit.handshake.report import Chain, Report, Rule, Verdict
from sealmq.tls.middlewares import DEFAULT

STYLES: Final = {Verdict.OK: "green", Verdict.BAD: "bold red", Verdict.WARNING: "yellow", Verdict.NOT_TESTED: "dim"}
_MOST: Final = (4, 40, 40)
"""Lines of one kind, by verbosity: certificates, packets, sentences ..."""

_TAMPERING: Final = frozenset({"SNF-09", "SNF-10"})
"""Exposures that are deeds: a changed byte, a message sent again."""


def show(report: Report, console: Console, *, verbosity: int = 0) -> None:
    """Everything, on a console of any width; its colours, and whether there are any, are the console's."""
    pen = Pen(console)
    verbosity = min(max(verbosity, 0), 2)
    _verdict(report, pen)
    pen.paragraph(where(report), indent=2)
    agreed = [part for part in (summary(report), *properties(report)) if part]
    if agreed:
        pen.paragraph(" · ".join(agreed), indent=2)
    if report.messages:
        pen.print()
        Ladder(pen, verbosity=verbosity).draw(report)
        steps = " · ① to ⑩ the step of the textbook, below" if report.steps else ""
        pen.paragraph((f"# number of the TLS record{steps} · 🔒 ═ encrypted", "dim"), indent=2)
        pen.print()
    _agreed(report, pen, verbosity)
    _chain("server", report.chain, pen, verbosity)
    _client(report, pen, verbosity)
    _mqtt(report, pen, verbosity)
    _steps(report, pen, verbosity)
    if verbosity:
        _extensions(report, pen)
    _cost(report, pen, verbosity)
    _exposures(report, pen, verbosity)
    _fingerprint(report, pen, verbosity)
    if verbosity > 1:
        for message in report.messages[: MOST_MESSAGES[verbosity]]:
            show_bytes(message, pen)
    _end(report, pen, verbosity)


def _verdict(report: Report, pen: Pen) -> None:
    verdict = OUTCOME_VERDICTS[report.outcome.kind]
    pen.paragraph((f"{SIGNS[verdict]} {report.outcome.what}", f"bold {STYLES[verdict]}"), hanging=2)


def _end(report: Report, pen: Pen, verbosity: int) -> None:
    """What more there is to see, and how it ended: why, and what to do."""
    outcome = report.outcome
    pen.print()
    if not verbosity and report.messages:
        pen.paragraph(
            ("-v: each message explained, every rule with its reason, steps, extensions, costs · -vv: the bytes", "dim")
        )
    elif verbosity == 1 and report.messages:
        pen.paragraph(("-vv: the bytes of each message, with their names", "dim"))
    if report.messages:  # else it stands two lines above
        _verdict(report, pen)
    by = {"client": "the client", "server": "the server"}.get(outcome.by, "")
    if by:
        after = f" after {outcome.after}" if outcome.after else ""
        pen.labelled("  ended", f"by {by}{after}{f', alert {outcome.alert}' if outcome.alert else ''}")
    for label, words in (("  why", outcome.why), ("  to do", outcome.remedy)):
        for place, line in enumerate(words.split("\n") if words else ()):
            pen.labelled("" if place else label, line)


def _agreed(report: Report, pen: Pen, verbosity: int) -> None:
    """When it was done; with -v what it rests on."""
    timing = report.timing
    told = (("TCP", timing.tcp), ("handshake", timing.handshake), ("CONNACK", timing.connack))
    times = [f"{name} {in_time(value)}" for name, value in told if value is not None]
    if times:
        pen.labelled("time", " · ".join(times))
    if report.meta.middleware not in ("", DEFAULT):
        took = report.timing.processor
        spent = f" · {in_time(took)} of our processor for the handshake" if took is not None else ""
        pen.labelled("library", f"{report.meta.library} (middleware {report.meta.middleware}){spent}")
    if report.meta.note:
        pen.labelled("sealed", report.meta.note)
    if verbosity and report.key_exchange is not None:
        pen.labelled("keys", report.key_exchange.sentence)
    if verbosity and report.negotiated is not None:
        agreed = report.negotiated
        signed = (("server", agreed.server_signature), ("client", agreed.client_signature))
        said = [f"{who} {name}" for who, name in signed if name]
        if said:
            pen.labelled("signed", " · ".join(said))
    if verbosity:
        for flight in report.flights[: _MOST[verbosity]]:
            carried = f"{in_bytes(flight.bytes)} in {many(flight.records, 'record')}"
            words = f"{flight.number} from the {flight.sender}: {carried}"
            segments = f"{many(flight.segments_1460, 'segment')} of 1,460 bytes or {flight.segments_536:,} of 536"
            label = "flights" if flight is report.flights[0] else ""
            pen.labelled(label, f"{words}, {segments}, {in_time(flight.thought)} after the other end")


def _chain(label: str, chain: Chain | None, pen: Pen, verbosity: int) -> None:
    """What was shown, and what is to be said of it."""
    if chain is None:
        return
    word, style = {True: ("trusted", "green"), False: ("not trusted", "bold red"), None: ("not judged", "dim")}[
        chain.trusted
    ]
    pen.labelled(label, (word, style), f" · {chain.sentence}")
    for one in chain.certificates[: _MOST[verbosity]]:
        if not one.readable:
            pen.labelled("", f"{one.position} no certificate, {in_bytes(one.size)}")
            continue
        until = f", until {one.not_after.partition('T')[0]}" if one.not_after else ""
        said = f": {one.key}, {in_bytes(one.size)}" if verbosity else f": {one.key}"
        pen.labelled("", f"{one.position} ", (one.subject, "bold"), f" by {one.issuer}{said}{until}")
        if verbosity:
            names = f"names {', '.join(one.names[:20])} · " if one.names else ""
            uses = ", ".join((*one.key_usages, *one.extended_key_usages)) or "any use"
            pen.labelled("", (f"{names}{uses} · serial {one.serial} · SHA-256 {one.sha256}", "dim"), deeper=2)
    if len(chain.certificates) > _MOST[verbosity]:
        pen.labelled("", (f"{many(len(chain.certificates) - _MOST[verbosity], 'more certificate')}", "dim"))
    _rules(chain, pen, verbosity)


def _rules(chain: Chain, pen: Pen, verbosity: int) -> None:
    """Those that are kept in one line, with -v each; the others each with its reason."""
    good = [rule for rule in chain.rules if rule.verdict is Verdict.OK]
    if good and not verbosity:
        doubtful = {rule.id for rule in chain.rules if rule.verdict is not Verdict.OK}
        names = list(dict.fromkeys(rule.id for rule in good if rule.id not in doubtful))
        pen.labelled("", (f"{SIGNS[Verdict.OK]} ok", STYLES[Verdict.OK]), f": {', '.join(names[:30])}")
    order = list(Verdict).index if verbosity else (Verdict.BAD, Verdict.WARNING, Verdict.NOT_TESTED).index
    listed = list(chain.rules) if verbosity else [rule for rule in chain.rules if rule.verdict is not Verdict.OK]
    for rule in sorted(listed, key=lambda rule: order(rule.verdict))[: 40 if verbosity else 8]:
        _rule(rule, pen, verbosity)


def _rule(rule: Rule, pen: Pen, verbosity: int) -> None:
    """The rule by its short name, then its title where that is asked for, then the reason: "✗ dates: it ended ..."."""
    about = f" of certificate {rule.about}" if rule.about else ""
    word = f"{rule.id} not tested" if rule.verdict is Verdict.NOT_TESTED else rule.id
    sign = f"{SIGNS[rule.verdict]} {word}{about}"
    title = f" ({rule.title})" if verbosity else ""
    pen.labelled("", (sign, STYLES[rule.verdict]), f"{title}: {rule.reason}")


def _client(report: Report, pen: Pen, verbosity: int) -> None:
    found = report.client_authentication
    if found is not None:
        style = {"accepted": "green", "refused": "bold red"}.get(found.result, "bold")
        pen.labelled("client", (found.result, style), f": {found.sentence}")
        if verbosity and found.authorities:
            pen.labelled("", f"asked for: {'; '.join(found.authorities[:20])}")
        if verbosity and found.signatures:
            pen.labelled("", f"signatures accepted: {', '.join(found.signatures[:20])}")
    if report.client_chain is not None and (verbosity or report.client_chain.trusted is False):
        _chain("" if found else "client", report.client_chain, pen, verbosity)


def _mqtt(report: Report, pen: Pen, verbosity: int) -> None:
    for place, packet in enumerate(report.mqtt[: _MOST[verbosity]]):
        arrow = "→" if packet.sender == "client" else "←"
        pen.labelled(
            "" if place else "MQTT", f"{arrow} ", (packet.name, "bold"), f" {in_bytes(packet.size)}: {packet.line}"
        )
        if verbosity:
            for name, value in packet.details[:40]:
                pen.labelled("", (f"{name}: ", "dim"), value, deeper=2)
    if len(report.mqtt) > _MOST[verbosity]:
        pen.labelled("", (many(len(report.mqtt) - _MOST[verbosity], "more packet"), "dim"))


def _steps(report: Report, pen: Pen, verbosity: int) -> None:
    """The ten steps of the textbook, and what did each here; with -v what the textbook says, and what differs."""
    label = "ten steps"
    for step in report.steps[:20]:
        title = f"{step.number} {step.title}"
        if verbosity:
            pen.labelled(label, (title, "bold"), (f" · in the textbook: {step.classic}", "dim"))
            pen.labelled("", f"here: {step.here}", deeper=2)
            if step.otherwise:
                pen.labelled("", ("today: ", "yellow"), step.otherwise, deeper=2)
        else:
            pen.labelled(label, f"{title} · {step.here}")
        label = ""


def _extensions(report: Report, pen: Pen) -> None:
    """What was offered and what was answered."""
    for place, row in enumerate(report.extensions[:60]):
        pen.labelled(
            "" if place else "extended", (row.name, "bold"), (f" ({row.meaning})" if row.meaning else "", "dim")
        )
        for who, value in (("client", row.client), ("server", row.server)):
            if value is not None:
                pen.labelled("", f"{who}: {value or 'empty'}", deeper=2)


def _cost(report: Report, pen: Pen, verbosity: int) -> None:
    cost = report.cost
    if cost is None:
        return
    trips = f"{cost.round_trips:g} round trip{'' if cost.round_trips == 1 else 's'}"
    said = [f"{in_bytes(cost.sent)} sent", f"{in_bytes(cost.received)} received", trips]
    buffers = f"buffers {in_bytes(cost.receive_buffer)} in, {in_bytes(cost.send_buffer)} out"
    pen.labelled("cost", " · ".join([*said, buffers]))
    every = dict.fromkeys((*cost.sentences, *(trial.sentence for trial in cost.trials)))  # a trial may be told in both
    sentences = [*every] if verbosity else cost.sentences[:2]
    for sentence in sentences[: _MOST[verbosity]]:
        pen.labelled("", sentence)
    if verbosity:
        _shares(report, pen)


def _shares(report: Report, pen: Pen) -> None:
    """Bytes by purpose, each with a bar."""
    shares = report.cost.shares[:10] if report.cost else ()
    total = sum(max(share.bytes, 0) for share in shares)
    room = pen.width - LABEL - 42
    for share in shares:
        part = max(share.bytes, 0) / total if total else 0.0
        bar = "═" * round(part * max(min(room, 40), 8))
        words = pen.fit(pen.words(share.what), 26)
        line = pen.words(" " * LABEL, words, f" {share.bytes:>7,} B ", (bar, "cyan"))
        pen.print(pen.fit(line, pen.width))


def _exposures(report: Report, pen: Pen, verbosity: int) -> None:
    """What somebody in between sees, what not, and what does not go unnoticed."""
    open_ = [each for each in report.eavesdropper if each.visible]
    noticed = [each for each in report.eavesdropper if not each.visible and each.id in _TAMPERING]
    hidden = [each for each in report.eavesdropper if not each.visible and each.id not in _TAMPERING]
    for label, whom, rows in (
        ("visible", ("to somebody in between", "yellow"), open_),
        ("hidden", ("from somebody in between", "green"), hidden),
        ("noticed", ("if somebody in between does it", "green"), noticed),
    ):
        if not rows:
            continue
        if not verbosity:
            pen.labelled(label, whom, f": {'; '.join(each.what for each in rows[:8])}")
            continue
        pen.labelled(label, whom)
        for each in rows[:30]:
            pen.labelled("", f"{each.what}: {each.value}" if each.value else each.what)


def _fingerprint(report: Report, pen: Pen, verbosity: int) -> None:
    found = report.fingerprint
    if found is None:
        return
    guess = f"looks like {found.stack} ({found.confidence}) · " if found.stack else ""
    pen.labelled("hello", f"{guess}JA4 {found.ja4}")
    if verbosity:
        pen.labelled("", f"JA4 of {found.ja4_text}")
        pen.labelled("", f"JA3 {found.ja3} of {found.ja3_text}")
