"""The comparison in a terminal: a table for each question, a line for each library, at any width from 80 columns on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sealmq.kit.handshake.draw.pen import Pen
from sealmq.kit.middleware.comparing import Comparison, Measured
from sealmq.kit.middleware.draw.words import (
    NONE,
    bytes_of,
    count_of,
    in_time,
    kib_of,
    rate_of,
    time_of,
    version_of,
    versions_of,
)
from sealmq.kit.middleware.handshaking import Handshakes
from sealmq.kit.middleware.recommend import Recommendation
from sealmq.kit.middleware.throughput import MESSAGES
from sealmq.tls.middlewares import DEFAULT

_MEDIANS: Final = "processor time of each side: median, and half of the spread of eight in ten"
_ABILITIES: Final = "hybrid: post-quantum key exchange; addresses, revokes: checked in the handshake"
_OWN: Final = "processor time of this library's side"


@dataclass(frozen=True, slots=True)
class Section:
    """One table. right: so many columns from the right are numbers."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: int = 0
    note: str = ""


def show(comparison: Comparison, recommendations: Sequence[Recommendation], console: Console) -> None:
    """All of it."""
    pen = Pen(console)
    for section in sections(comparison):
        pen.paragraph((section.title, "bold"))
        table = Table(box=SIMPLE_HEAD, pad_edge=False, safe_box=True, padding=(0, 1))
        for place, head in enumerate(section.head):
            is_number = place >= len(section.head) - section.right
            table.add_column(
                pen.words(head), justify="right" if is_number else "left", overflow="fold", no_wrap=place == 0
            )
        for row in section.rows:
            table.add_row(*(pen.words(cell) for cell in row))
        console.print(table, width=min(pen.width, 100))
        if section.note:
            pen.paragraph((section.note, "dim"), indent=1)
            pen.print()
    _advise(pen, recommendations)
    _remarks(pen, comparison)


def sections(comparison: Comparison) -> list[Section]:
    """Every table that has a line."""
    found = [
        _what_they_are(comparison),
        _what_they_can(comparison),
        _with_themselves(comparison, "Full handshakes, each library with itself, mutual", note=_MEDIANS),
        _with_themselves(comparison, "Resumed handshakes", resumed=True),
        _with_themselves(comparison, "Full handshakes by a pre-shared key in place of certificates", psk=True),
        _with_the_default(comparison),
        _throughput(comparison),
        _memory(comparison),
        _footprints(comparison),
    ]
    return [section for section in found if section.rows]


def _what_they_are(comparison: Comparison) -> Section:
    rows = [(each.name, each.abilities.title, each.abilities.licence) for each in comparison.measured]
    rows += [(each.name, f"{each.title} (not measured)", each.licence) for each in comparison.known]
    return Section("Libraries", ("middleware", "library", "licence"), tuple(rows))


def _what_they_can(comparison: Comparison) -> Section:
    rows = []
    for each in comparison.measured:
        has = each.abilities
        resumes = has.resumes_client & has.resumes_server
        psk = has.psk_client & has.psk_server
        yes = {True: "yes", False: "no"}
        rows.append(
            (each.name, versions_of(has.versions), versions_of(resumes), versions_of(psk),
             yes[bool(has.hybrid_groups)], yes[has.addresses], yes[has.revocation])
        )  # fmt: skip
    rows += [
        (each.name, each.versions, each.resumption, each.psk, each.hybrid, NONE, NONE) for each in comparison.known
    ]  # fmt: skip
    head = ("middleware", "TLS", "resumes", "PSK", "hybrid", "addresses", "revokes")
    return Section("What they can do, on both sides", head, tuple(rows), note=_ABILITIES)


def _with_themselves(
    comparison: Comparison, title: str, *, resumed: bool = False, psk: bool = False, note: str = ""
) -> Section:
    rows = []
    for each in comparison.measured:
        for version in sorted(each.abilities.versions):
            found = each.handshake(version, resumed=resumed, psk=psk)
            if found is not None:
                rows.append(
                    (each.name, version_of(version), time_of(found.client_cpu), time_of(found.server_cpu),
                     bytes_of(found.up), bytes_of(found.down), str(found.flights))
                )  # fmt: skip
    head = ("middleware", "TLS", "client CPU", "server CPU", "up", "down", "flights")
    return Section(title, head, tuple(rows), right=5, note=note)


def _with_the_default(comparison: Comparison) -> Section:
    rows = []
    for each in comparison.measured:
        for version in sorted(each.abilities.versions):
            device = each.handshake(version, server=DEFAULT)
            broker = each.handshake(version, client=DEFAULT)
            if each.name != DEFAULT and (device or broker):
                rows.append((each.name, version_of(version), *_beside(each, device), *_beside(each, broker)))
    head = ("middleware", "TLS", "as client", "up", "down", "as server", "up", "down")
    return Section(f"Full handshakes with {DEFAULT} on the other side", head, tuple(rows), right=6, note=_OWN)


def _beside(each: Measured, figures: Handshakes | None) -> tuple[str, ...]:
    if figures is None:
        return (NONE,) * 3
    own = figures.client_cpu if figures.client == each.name else figures.server_cpu
    return in_time(own.median), bytes_of(figures.up), bytes_of(figures.down)


def _throughput(comparison: Comparison) -> Section:
    rows = []
    for each in comparison.measured:
        found = [each.messages(size) for size in MESSAGES]
        largest = found[-1]
        cells = [count_of(one.messages if one else None) for one in found]
        rows.append((each.name, *cells, rate_of(largest.rate if largest else None)))
    head = ("middleware", *(f"{size:,} B" for size in MESSAGES), "the largest")
    note = "encrypted and decrypted again, in a second of a processor"
    return Section("Messages", head, tuple(rows), right=len(head) - 1, note=note)


def _memory(comparison: Comparison) -> Section:
    rows = [(each.name, kib_of(each.memory.client), kib_of(each.memory.server)) for each in comparison.measured]
    return Section("Memory of an idle connection", ("middleware", "client", "server"), tuple(rows), right=2)


def _footprints(comparison: Comparison) -> Section:
    rows = []
    for each in comparison.footprints:
        sizes = (each.flash, each.library_flash, each.ram_static, each.heap_peak, each.stack_peak)
        rows.append((each.library, each.title, *(f"{size / 1024:.1f}" for size in sizes)))
    head = ("library", "build", "flash", "its TLS", "RAM", "heap", "stack")
    note = "with TCP/IP, MQTT and what it is for; RAM with the heap's place; heap, stack: used at most"
    return Section("On a Cortex-M4, in KiB (the reference device in QEMU)", head, tuple(rows), right=5, note=note)


def _advise(pen: Pen, recommendations: Sequence[Recommendation]) -> None:
    pen.paragraph(("Which for what", "bold"))
    pen.print()
    for each in recommendations:
        choice = (each.choice, "bold green") if each.choice else ("none that is here", "bold yellow")
        pen.paragraph(f"{each.use}: ", choice, indent=1, hanging=3)
        for reason in each.reasons:
            pen.paragraph(f"· {reason}", indent=3, hanging=5)


def _remarks(pen: Pen, comparison: Comparison) -> None:
    said = [f"{each.name} was left out: {each.why}. Next: {each.remedy}" for each in comparison.absent]
    said += [f"{each.name}: {note}" for each in comparison.measured for note in each.notes]
    said += [
        f"{each.name}: {each.source}; what serves a device with it: sealmq device bundle --target {each.bundle}"
        for each in comparison.known
    ]
    if said:
        pen.print()
    for words in said:
        pen.paragraph((words, "dim"), hanging=2)
