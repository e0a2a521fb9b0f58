from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.devices.enrollment import check_name
from sealmq.devices.fleet import COLUMNS, Mistake, Row, read_fleet
from sealmq.errors import EnrollmentError


def mistakes_of(text):
    data = text if isinstance(text, bytes) else text.encode()
    return [(mistake.line, mistake.what) for mistake in read_fleet(data)[1]]


@pytest.mark.parametrize(
    "text",
    [
        "name,role,days,csr,#where\na,,,,hall\nb,operator,30,b.csr,\n",
        "\ufeffname;role;days;csr;#where\r\na;;;;hall\r\nb;operator;30;b.csr;\r\n",
        "csr\t#where\tNAME\tdays\tRole\n\thall\ta\n b.csr \t\t b \t30\toperator\t\t\n",
        '"name","role","days","csr","#where"\n"a"\n"b","operator","30","b.csr","x"',
    ],
    ids=["comma", "as a spreadsheet writes it", "tabs, in another order", "quoted"],
)
def test_a_table_in_each_of_its_forms(text):
    assert read_fleet(text.encode()) == ([Row(2, "a"), Row(3, "b", "operator", 30, "b.csr")], [])


def test_notes_and_empty_lines_are_passed_over_and_counted():
    text = '# made by hand\n\nname,#note\n#a\nb,"two\nlines"\n,\nc,\n'
    assert read_fleet(text.encode()) == ([Row(5, "b"), Row(8, "c")], [])


def test_every_mistake_is_told_with_its_line():
    text = (
        "name,role,days,csr\na,,,\n,,,x.csr\nb/c,,,\nd,admin,,\ne,,0,\nf,,3651,\ng,,1e3,\nh,,²,\nA,,,\ni,,,,x\nj,,,\0\n"
    )
    found = mistakes_of(text)
    assert [line for line, _ in found] == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    words = " | ".join(what for _, what in found)
    for expected in ("name is missing", "1 to 64 letters", "device, operator", "1 to 3650", "in line 2", "5 cells"):
        assert expected in words


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("name,roles", "did you mean 'role'"),
        ("name,serial number", "a note begins with '#'"),
        ("name,name", "is there twice"),
        ("role,days", "one of them must be 'name'"),
        ("sensor-1", "one of them must be 'name'"),
    ],
)
def test_a_header_that_cannot_be(header, words):
    found = mistakes_of(f"{header}\na,\n")
    assert found
    assert all(line == 1 for line, _ in found)
    assert words in " ".join(what for _, what in found)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "name\n", "name,role\n,\n"])
def test_a_table_without_devices_is_a_mistake(text):
    assert len(mistakes_of(text)) == 1


def test_what_is_no_csv_is_said_with_its_line():
    assert mistakes_of(b"name\na\nb\xff\n")[0][0] == 3
    assert mistakes_of('name,role\na,\n"b,device\n')[0][0] == 3
    assert "UTF-8" in mistakes_of("name\na\n".encode("utf-16"))[0][1]


def test_a_mistake_shows_nothing_that_a_terminal_would_obey():
    for text in ("na\x1b[2Jme\n", "name,role\na,\x1b[2J\n", "name\n\x1b[2J\n", "name,days\na,\x1b[2J\n"):
        assert all(what.isprintable() for _, what in mistakes_of(text))


cells = st.text(st.characters(blacklist_categories=["Cs"]), max_size=70) | st.sampled_from(
    ["a", "A", "b", "device", "operator", "7", "#", "x.csr", "\ufeff"]
)


@given(st.binary(max_size=200) | st.text('name,role;days\t"#\r\n\0 ab1é', max_size=200).map(str.encode))
def test_whatever_bytes_come_there_are_rows_or_mistakes(data):
    rows, mistakes = read_fleet(data)
    assert rows or mistakes
    assert all(isinstance(mistake, Mistake) and mistake.line >= 1 for mistake in mistakes)


@given(
    st.permutations(COLUMNS),
    st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, cells)), max_size=8),
    st.sampled_from([",", ";", "\t"]),
)
def test_each_written_line_is_a_row_or_a_mistake(columns, wanted, separator):
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(wanted)
    rows, mistakes = read_fleet(out.getvalue().encode())
    for row in rows:
        check_name(row.name)
        said = [each for each in wanted if each["name"].strip() == row.name]
        assert any(
            (row.role or "", row.csr) == (each["role"].strip(), each["csr"].strip())
            and each["days"].strip().lstrip("0") == (str(row.days) if row.days is not None else "")
            for each in said
        )
    assert len({row.name.lower() for row in rows}) == len(rows)
    notes = [each for each in wanted if each[columns[0]].strip().startswith("#")]
    good = [each for each in wanted if _is_good(each) and each not in notes]
    if not mistakes:
        assert len(good) <= len(rows) <= len(good) + len(notes)


def _is_good(cell):
    try:
        check_name(cell["name"].strip())
    except EnrollmentError:
        return False
    return True


def test_a_quoted_cell_that_begins_like_a_note_is_none_beside_others():
    rows, mistakes = read_fleet(b'csr,name\n"#1.csr",sensor-1\n"# a note, with a comma",\n# another, sensor-2\n')
    assert [(row.name, row.csr) for row in rows] == [("sensor-1", "#1.csr")]
    assert mistakes == []
