"""A fleet as a table: one device in each row of a CSV file. Reading it makes nothing, and looks at nothing else.

    name,role,days,csr,target,#batch
    sensor-1,,,,lwip,a note of our own
    sensor-2,operator,30,requests/sensor-2.csr,,

Rule 1: the whole table is read, and every mistake is told with its line, not the first one alone.
Rule 2: nothing is guessed. A column that we do not know is a mistake, for "roles" would be "role" with its meaning
        lost; one that begins with '#' is a note, as is a line that does.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sealmq.devices.enrollment import DAYS, ROLES, check_name
from sealmq.errors import EnrollmentError
from sealmq.pki.peer import printable

COLUMNS = ("name", "role", "days", "csr", "target")
"""What a table may say of a device. Only `name` must be there."""

NOTE = "#"
"""A column or a line that begins so is for people."""

SEPARATORS = (",", ";", "\t")
"""Between the cells. Where a comma is written in numbers, spreadsheets put a semicolon."""

_SHOWN = 60  # characters of a cell in a message


@dataclass(frozen=True, slots=True)
class Row:
    """What one line asks for.

    line: its number in the file, from 1 on.
    role: one of enrollment.ROLES, None: not said; days: life of the certificate, None: not said.
    csr:  the path of a certificate request, as it is written; "": the device's key is to be made here.
    target: for which its bundle is made; "": not said. Which there are, bundles/targets.py knows.
    """

    line: int
    name: str
    role: str | None = None
    days: int | None = None
    csr: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What cannot be done as it is written. line: its number in the file, from 1 on."""

    line: int
    what: str


class _CellError(Exception):
    """A cell that cannot be."""


def read_fleet(data: bytes) -> tuple[list[Row], list[Mistake]]:
    """The rows of a table, and what is wrong with it. With any mistake the rows are not all that were meant."""
    try:
        text = data.decode("utf-8-sig")  # spreadsheets begin with a byte order mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return [], [Mistake(line, "this is not UTF-8: in a spreadsheet, save as 'CSV UTF-8'")]
    rows: list[Row] = []
    mistakes: list[Mistake] = []
    lines = _lines(text, mistakes)
    header = next(lines, None)
    if header is None:
        return [], mistakes or [Mistake(1, f"the first line must name the columns: {','.join(COLUMNS)}")]
    columns = _columns(*header, mistakes)
    if mistakes:
        return [], mistakes
    taken: dict[str, int] = {}
    for line, cells in lines:
        try:
            row = _row(line, cells, columns)
            first = taken.setdefault(row.name.lower(), line)
            if first != line:
                raise _CellError(f"'{row.name}' stands in line {first} already (case makes no difference)")
        except _CellError as wrong:
            mistakes.append(Mistake(line, str(wrong)))
        else:
            rows.append(row)
    if not rows and not mistakes:
        mistakes.append(Mistake(header[0], "no device stands below the names of the columns"))
    return rows, mistakes


def _lines(text: str, mistakes: list[Mistake]) -> Iterator[tuple[int, list[str]]]:
    """The lines that are no notes and not empty, with their numbers; a quoted cell may have many, the first counts."""
    lines = text.splitlines(keepends=True)
    header = next((line for line in lines if line.strip() and not line.startswith(NOTE)), "")
    separator = max(SEPARATORS, key=header.count)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    before = 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            mistakes.append(Mistake(before + 1, f"the line cannot be read: {error}"))
            return
        if cells is None:
            return
        line, before = before + 1, reader.line_num
        cells = [cell.strip() for cell in cells]
        # Quoted, it is a note when nothing else is there: a spreadsheet quotes a sentence with a comma in it.
        is_note = lines[line - 1].startswith(NOTE) or (cells and cells[0].startswith(NOTE) and not any(cells[1:]))
        if any(cells) and not is_note:
            yield line, cells


def _columns(line: int, cells: Sequence[str], mistakes: list[Mistake]) -> list[str]:
    """The columns' names, "" for a note."""
    columns = ["" if not cell or cell.startswith(NOTE) else cell.lower() for cell in cells]
    for column in dict.fromkeys(columns):
        if column and column not in COLUMNS:
            near = difflib.get_close_matches(column, COLUMNS, n=1)
            meant = f"did you mean '{near[0]}'? " if near else ""
            known = f"there are {', '.join(COLUMNS)}; a note begins with '{NOTE}'"
            mistakes.append(Mistake(line, f"there is no column '{_cell(column)}': {meant}{known}"))
        elif column and columns.count(column) > 1:
            mistakes.append(Mistake(line, f"the column '{column}' is there twice"))
    if "name" not in columns:
        mistakes.append(Mistake(line, "the first line must name the columns, and one of them must be 'name'"))
    return columns


def _row(line: int, cells: Sequence[str], columns: Sequence[str]) -> Row:
    # Spreadsheets leave empty cells away at the end of a line, and put some there.
    if any(cells[len(columns) :]):
        raise _CellError(f"the line has {len(cells)} cells, and there are {len(columns)} columns")
    said = {column: cell for column, cell in zip(columns, cells, strict=False) if column and cell}
    name, role, days = said.get("name", ""), said.get("role"), said.get("days")
    try:
        check_name(name)
    except EnrollmentError as error:
        raise _CellError(f"{error.what}: {error.why}" if name else "the name is missing") from error
    if role is not None and role not in ROLES:
        raise _CellError(f"'{_cell(role)}' is not a role: there are {', '.join(ROLES)}")
    csr = said.get("csr", "")
    if "\0" in csr:
        raise _CellError("the path of the certificate request has a null character in it")
    return Row(line, name, role, _days(days) if days is not None else None, csr, said.get("target", ""))


def _days(cell: str) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) < 10 and int(cell) in DAYS):
        raise _CellError(f"'{_cell(cell)}' are no days: a certificate lasts {DAYS[0]} to {DAYS[-1]} of them")
    return int(cell)


def _cell(text: str) -> str:
    return printable(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
