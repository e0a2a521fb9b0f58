"""The messages of the page: each a line that opens, with its paragraph and its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.draw.markup import Markup, element
from sealmq.kit.handshake.draw.page_bytes import draw_bytes
from sealmq.kit.handshake.draw.sequence_svg import LOCK
from sealmq.kit.handshake.draw.words import in_bytes, in_time, many, one_line, purpose_of
from sealmq.kit.handshake.report import MessageRow, Report

MOST_MESSAGES: Final = 200
"""On the page; the rest is counted."""

_PADLOCK: Final = element(
    "svg",
    element("title", "encrypted"),
    element("path", d=LOCK),
    class_="padlock",
    role="img",
    viewBox="0 0 11 12",
    width=10,
    height=11,
)
_ARROWS: Final = {Sender.CLIENT: "→", Sender.SERVER: "←"}


def draw_messages(report: Report) -> Markup:
    """All of them, in order."""
    shown = report.messages[:MOST_MESSAGES]
    parts = [_message(each) for each in shown]
    if len(report.messages) > len(shown):
        words = f"{many(len(report.messages) - len(shown), 'more message')} not shown; the JSON has all of them"
        parts.append(element("p", words, class_="quiet"))
    return Markup("".join(parts))


def _message(message: MessageRow) -> Markup:
    purpose = purpose_of(message).value.replace(" ", "-")
    lock = _PADLOCK if message.protected else Markup("")
    summary = element(
        "summary",
        element("span", in_time(message.at), class_="at"),
        element("span", _ARROWS[message.sender], class_="way", title=f"{message.sender} to {message.sender.other}"),
        element("span", element("strong", one_line(message.name, 60)), " ", lock, class_="name"),
        element("span", in_bytes(message.size), class_="size"),
        element("span", message.line, class_="line"),
    )
    return element("details", summary, *_inside(message), class_=f"message {purpose}", id=f"message-{message.number}")


def _inside(message: MessageRow) -> Iterator[Markup]:
    if message.paragraph:
        yield element("p", message.paragraph)
    records = ", ".join(f"#{number}" for number in message.records[:8]) + (", …" if len(message.records) > 8 else "")
    facts = [
        f"{message.sender} to {message.sender.other}",
        "encrypted" if message.protected else "in clear",
        f"{in_time(message.gap)} after the message before",
    ]
    facts += [f"{many(len(message.records), 'record')}: {records}"] if message.records else []
    facts += [f"classic step {', '.join(map(str, message.steps[:10]))}"] if message.steps else []
    yield element("p", " · ".join(facts), class_="quiet")
    yield draw_bytes(message)
