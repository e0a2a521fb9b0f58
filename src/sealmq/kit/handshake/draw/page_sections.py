"""The sections of the page below its messages: what was agreed, who proved what, what it costs, who sees what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sealmq.kit.handshake.draw.markup import Content, Markup, element
from sealmq.kit.handshake.draw.words import SIGNS, WORDS, in_bytes, in_time, many, one_line
from sealmq.kit.handshake.report import Certificate, Chain, Cost, Report, Rule

MOST_ROWS: Final = 100
"""Of one table."""

_MOST_SHARES: Final = 10
"""Of the bar; page.css has a colour for each."""


def section(title: str, key: str, *content: Content) -> Markup:
    """A section with its heading; nothing where it has nothing to say."""
    inner = Markup("".join(element("div", each) if type(each) is str else each for each in content))  # type: ignore[misc]
    return element("section", element("h2", title), inner, id=key) if inner else Markup("")


def agreed(report: Report) -> Markup:
    """Version, suite, group, signatures, and what kind of secret it is."""
    if report.negotiated is None:
        return Markup("")
    said = report.negotiated
    rows: list[tuple[str, str]] = [("version", said.version), ("suite", f"{said.suite} (0x{said.suite_code:04X})")]
    if report.key_exchange is not None:
        exchange = report.key_exchange
        sizes = f"{exchange.client_bytes:,} and {exchange.server_bytes:,} bytes"
        rows.append(("key exchange", f"{exchange.kind} {exchange.group}, {sizes} sent by client and server"))
        rows.append(("forward secret", "yes" if exchange.forward_secret else "no"))
        rows.append(("post-quantum", "yes" if exchange.post_quantum else "no"))
    elif said.group:
        rows.append(("group", said.group))
    optional = (("server's signature", said.server_signature), ("client's signature", said.client_signature))
    rows += [row for row in (*optional, ("ALPN", said.alpn)) if row[1]]
    if said.psk_identity is not None:
        rows.append(("pre-shared key", said.psk_identity or "its name was not said"))
    rows.append(("resumed", "yes" if said.resumed else "no"))
    rows.append(("hello retried", "yes" if said.retried else "no"))
    if said.extended_master_secret is not None:
        rows.append(("extended master secret", "yes" if said.extended_master_secret else "no"))
    rows += [
        (name, in_time(value))
        for name, value in (
            ("TCP connected after", report.timing.tcp),
            ("handshake done after", report.timing.handshake),
            ("CONNACK after", report.timing.connack),
            ("the client's processor time", report.timing.processor),
        )
        if value is not None
    ]
    more = [element("p", report.key_exchange.sentence)] if report.key_exchange else []
    return section("What was agreed", "agreed", *more, facts(rows))


def chain(found: Chain | None, title: str, key: str) -> Markup:
    """Certificates, and the rules on them with their reasons."""
    if found is None:
        return Markup("")
    names = {each.position: each.subject or f"certificate {each.position}" for each in found.certificates}
    trusted = {True: "trusted", False: "not trusted", None: "no authority was given to judge by"}[found.trusted]
    kind = {True: "ok", False: "bad", None: "quiet"}[found.trusted]
    rules = [_rule(each, names) for each in found.rules[:MOST_ROWS]]
    return section(
        title,
        key,
        element("p", element("strong", trusted, class_=kind), " · ", found.sentence),
        element("ol", *(_certificate(each) for each in found.certificates[:MOST_ROWS]), class_="certificates", start=0),
        element("ul", *rules, class_="rules") if rules else Markup(""),
    )


def _certificate(one: Certificate) -> Markup:
    rows = [("size", f"{one.size:,} bytes"), ("SHA-256", one.sha256)]
    if one.readable:
        depth = f", at most {many(one.path_length, 'CA')} below" if one.path_length is not None else ""
        told = (
            ("issuer", one.issuer),
            ("names", ", ".join(one.names[:20])),
            ("valid", f"{one.not_before} to {one.not_after}"),
            ("key", one.key),
            ("signature", one.signature),
            ("serial", one.serial),
            ("use", ", ".join((*one.key_usages, *one.extended_key_usages))),
            ("CA", f"yes{depth}" if one.is_ca else "no"),
            ("key identifiers", " / ".join(each for each in (one.subject_key_id, one.authority_key_id) if each)),
        )
        rows = [row for row in told if row[1]] + rows
    head = one.subject if one.readable else "this is no certificate"
    return element("li", element("details", element("summary", element("strong", head or "no subject")), facts(rows)))


def _rule(rule: Rule, names: dict[int, str]) -> Markup:
    about = f" ({names.get(rule.about, f'certificate {rule.about}')})" if rule.about is not None else ""
    kind = rule.verdict.value.replace(" ", "-")
    return element(
        "li",
        element("span", SIGNS[rule.verdict], class_=f"sign {kind}", aria_hidden="true"),
        element("span", element("strong", rule.title), about, ": ", rule.reason),
        element("span", WORDS[rule.verdict], class_=f"verdict {kind}"),
    )


def client(report: Report) -> Markup:
    """The client's certificate: asked for, shown, accepted?"""
    found = report.client_authentication
    if found is None:
        return chain(report.client_chain, "The client's certificate", "client")
    rows = [("asked for", "yes" if found.asked else "no"), ("result", found.result)]
    rows += [("authorities named", ", ".join(found.authorities[:20]))] if found.authorities else []
    rows += [("signatures accepted", ", ".join(found.signatures[:20]))] if found.signatures else []
    about = section("The client's certificate", "client", element("p", found.sentence), facts(rows))
    return Markup(about + chain(report.client_chain, "What the client showed", "client-chain"))


def mqtt(report: Report) -> Markup:
    """The packets inside."""
    items = [
        element(
            "li",
            element("p", element("strong", each.name), f" {in_bytes(each.size)} from the {each.sender}, ", each.line),
            facts(each.details[:MOST_ROWS]),
        )
        for each in report.mqtt[:MOST_ROWS]
    ]
    return section("MQTT inside", "mqtt", element("ul", *items, class_="packets")) if items else Markup("")


def steps(report: Report) -> Markup:
    """The ten classic steps, and what this connection did."""
    rows = [
        (
            str(each.number),
            element("strong", each.title),
            each.classic,
            each.here,
            element("em", each.otherwise) if each.otherwise else "as it was",
        )
        for each in report.steps[:MOST_ROWS]
    ]
    return section("The ten classic steps", "steps", table(("", "step", "the classic", "here", "otherwise?"), rows))


def extensions(report: Report) -> Markup:
    """What was offered, and answered."""
    rows = [
        (
            element("code", one_line(each.name, 60)),
            "not sent" if each.client is None else each.client or "empty",
            "not answered" if each.server is None else each.server or "empty",
            each.meaning,
        )
        for each in report.extensions[:MOST_ROWS]
    ]
    return section("Extensions", "extensions", table(("extension", "client", "server", "what it means"), rows))


def cost(report: Report) -> Markup:
    """What it costs a microcontroller."""
    found = report.cost
    if found is None:
        return Markup("")
    rows = [
        ("sent", in_bytes(found.sent)),
        ("received", in_bytes(found.received)),
        ("largest record sent", in_bytes(found.largest_record_sent)),
        ("largest record received", in_bytes(found.largest_record_received)),
        ("largest message received", in_bytes(found.largest_message_received)),
        ("receive buffer", in_bytes(found.receive_buffer)),
        ("send buffer", in_bytes(found.send_buffer)),
        ("round trips", f"{found.round_trips:g}"),
    ]
    every = dict.fromkeys((*found.sentences, *(trial.sentence for trial in found.trials)))  # trials' may stand in both
    said = [element("li", each) for each in every]
    return section(
        "What it costs a microcontroller",
        "cost",
        _bar(found),
        element("ul", *said[:MOST_ROWS]) if said else Markup(""),
        facts(rows),
    )


def _bar(found: Cost) -> Markup:
    """The bytes by purpose: one bar, and what its parts are."""
    total = sum(max(share.bytes, 0) for share in found.shares[:_MOST_SHARES])
    if not total:
        return Markup("")
    parts, names, x = [], [], 0.0
    for place, share in enumerate(found.shares[:_MOST_SHARES]):
        width = max(share.bytes, 0) / total * 100
        title = element("title", f"{share.what}: {in_bytes(share.bytes)}")
        parts.append(
            element("rect", title, class_=f"share s{place}", x=f"{x:.2f}%", y="0", width=f"{width:.2f}%", height="22")
        )
        swatch = element("span", class_=f"swatch s{place}")
        names.append(
            element("li", swatch, f"{share.what} ", element("span", f"{in_bytes(share.bytes)}, {width:.0f} %"))
        )
        x += width
    bar = element("svg", *parts, class_="bar", role="img", aria_label="bytes by purpose", height="22", width="100%")
    return Markup(bar + element("ul", *names, class_="shares"))


def eavesdropper(report: Report) -> Markup:
    """What somebody in between sees, and what not."""
    columns = []
    for title, visible, kind in (("can be seen", True, "seen"), ("can't be seen", False, "unseen")):
        items = [
            element("li", element("strong", each.what), element("span", each.value) if each.value else Markup(""))
            for each in report.eavesdropper[:MOST_ROWS]
            if each.visible is visible
        ]
        if items:
            columns.append(element("div", element("h3", title), element("ul", *items), class_=kind))
    if not columns:
        return Markup("")
    return section("What somebody in between sees", "eavesdropper", element("div", *columns, class_="columns"))


def fingerprint(report: Report) -> Markup:
    """Of the client's hello."""
    found = report.fingerprint
    if found is None:
        return Markup("")
    guess = f"{found.stack} ({found.confidence})" if found.confidence else found.stack
    rows = [("looks like", guess), ("JA4", found.ja4), ("JA4, spelled out", found.ja4_text)]
    rows += [("JA3", found.ja3), ("JA3, spelled out", found.ja3_text)]
    return section("Fingerprint of the client", "fingerprint", facts([row for row in rows if row[1]]))


def facts(rows: Iterable[tuple[str, str]]) -> Markup:
    """Names with values."""
    pairs = [element("div", element("dt", name), element("dd", value)) for name, value in rows]
    return element("dl", *pairs) if pairs else Markup("")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """A table that scrolls by itself where the screen is narrow; nothing without rows."""
    if not rows:
        return Markup("")
    body = [
        element("tr", *(element("td", cell, data_head=name) for name, cell in zip(head, row, strict=True)))
        for row in rows
    ]
    heads = element("thead", element("tr", *(element("th", name, scope="col") for name in head)))
    return element("div", element("table", heads, element("tbody", *body)), class_="scroll")
