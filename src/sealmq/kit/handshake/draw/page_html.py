"""One page with everything that a Report has: a file that may be attached to a ticket, opened anywhere, and printed.

Rule 1: it asks for nothing over the network, and its policy (Content-Security-Policy) forbids the browser to. Style and
        script are allowed by their SHA-256, so nothing that a stranger wrote would run, were it not escaped.
Rule 2: without its script everything can be read; the script lights up the bytes of a field.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Final

from sealmq.kit.handshake.draw import page_sections as sections
from sealmq.kit.handshake.draw.markup import Markup, element
from sealmq.kit.handshake.draw.page_messages import draw_messages
from sealmq.kit.handshake.draw.sequence_svg import STYLE, draw_svg
from sealmq.kit.handshake.draw.words import OUTCOME_VERDICTS, SIGNS, properties, summary, where
from sealmq.kit.handshake.report import Report

_SEEN: Final = {
    "callback": "by the TLS library of this client",
    "key log": "on the wire, opened with the keys of the key log",
    "wire": "as it passed by on the wire",
    "capture": "in a file of captured packets",
}


def draw_html(report: Report) -> str:
    """The page, as the text of an HTML file."""
    diagram = element("figure", Markup(draw_svg(report, titled=False)), class_="diagram", tabindex="0")
    body = (_header(report), element("main", diagram, *_sections(report)), _footer(report))
    return document(f"TLS handshake with {where(report)}: {report.outcome.kind}", body, STYLE)


def document(title: str, body: Sequence[Markup], *styles: str) -> str:
    """An HTML file. styles: of the pictures in the body, which the policy must allow beside the page's own."""
    style, script = _data("page.css"), _data("page.js")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy((style, *styles), script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Markup(style)),
    )
    whole = element("html", head, element("body", *body, element("script", Markup(script))), lang="en")
    return f"<!DOCTYPE html>\n{whole}\n"


def _header(report: Report) -> Markup:
    outcome = report.outcome
    verdict = OUTCOME_VERDICTS[outcome.kind]
    lines = [element("p", f"{SIGNS[verdict]} {outcome.what}", class_=f"outcome {verdict.value}")]
    agreed = " · ".join(part for part in (summary(report), *properties(report)) if part)
    lines += [element("p", agreed, class_="quiet")] if agreed else []
    by = {"client": "the client ended it", "server": "the server ended it"}.get(outcome.by, "")
    ended = ", ".join(
        part
        for part in (
            by,
            f"after {outcome.after}" if by and outcome.after else "",
            outcome.alert and f"alert {outcome.alert}",
        )
        if part
    )
    remedy = Markup("".join(element("div", line) for line in outcome.remedy.split("\n") if line))
    rows = [("ended", ended), ("why", outcome.why), ("to do", remedy)]
    lines.append(sections.facts([row for row in rows if row[1]]))
    return element("header", element("h1", f"TLS handshake with {where(report)}"), *lines)


def _sections(report: Report) -> list[Markup]:
    messages = draw_messages(report)
    buttons = Markup('<p class="quiet hint">A line opens: what the message is for, and its bytes with their names.</p>')
    return [
        sections.section("Messages", "messages", buttons, messages) if messages else Markup(""),
        sections.agreed(report),
        sections.chain(report.chain, "The server's certificates", "server-chain"),
        sections.client(report),
        sections.mqtt(report),
        sections.steps(report),
        sections.extensions(report),
        sections.cost(report),
        sections.eavesdropper(report),
        sections.fingerprint(report),
    ]


def _footer(report: Report) -> Markup:
    meta = report.meta
    seen = _SEEN.get(meta.seen, meta.seen)
    return element(
        "footer",
        element("p", " · ".join(part for part in (f"Seen {seen}", meta.library, f"SealMQ {meta.sealmq}") if part)),
        *([element("p", meta.note)] if meta.note else []),
    )


def _policy(styles: tuple[str, ...], script: str) -> str:
    allowed = " ".join(_hash(each) for each in styles)
    return (
        f"default-src 'none'; style-src {allowed}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )  # fmt: skip


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _data(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
