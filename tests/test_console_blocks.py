"""docs/console_blocks.py and docs/tutorial.py: what may differ between a page and a run, and what is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import console_blocks
import tutorial
from console_blocks import Names, PageError, find_output, is_alike, read_steps, written_anew
from ports import free_port

PAGE = """\
Words, and a block that is no console:

```toml
$ not = "a command"
```

<!-- terminal: broker -->
```console
$ start
up
```

<!-- terminal: lamp, until broker says: it is here -->
```console
$ listen
```

```console
$ first \\
>   --more
one
$ second
```

<!-- out of sight
$ unseen
-->

<!-- terminal: broker -->
```console
went on
^C
bye
```
"""


def test_a_page_is_read_into_steps() -> None:
    steps = read_steps(PAGE)
    assert [(step.terminal, step.command, step.interrupts, step.output) for step in steps] == [
        ("broker", "start", False, ["up"]),
        ("lamp", "listen", False, []),
        ("", "first \\\n  --more", False, ["one"]),
        ("", "second", False, []),
        ("", "unseen", False, []),
        ("broker", None, False, ["went on"]),
        ("broker", None, True, ["bye"]),
    ]
    assert steps[1].until == ("broker", "it is here")
    lines = PAGE.splitlines()
    for step in steps:
        assert lines[step.line - 1 : step.end - 1] == step.output


@pytest.mark.parametrize(
    "page",
    ["```console\n$ no end", "```console\noutput\n```", "<!-- terminal: a, sometimes -->", "```console\n\n^C\n```"],
)
def test_a_page_that_nobody_can_run_is_refused(page: str) -> None:
    with pytest.raises(PageError, match=r"^line [12]: "):
        read_steps(page)


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("  0.50 ms            │─ Hello 512 B ───▶│", " 12.50 ms     │─ Hello 512 B ─▶│"),
        ("  5.08 ms     +79 µs │", "  5.08 ms   +0.79 ms │"),
        ("until 2027-02-23", "until 2031-12-24"),
        ("            Not After : Feb 23 20:11:55 2027 GMT", "            Not After : Mar  3 01:02:03 2030 GMT"),
        ("127.0.0.1:46638 is here", "127.0.0.1:50001 is here"),
        ("serial 14bdcd7e3915e30e28edd26f52b5f43c", "serial 2a822ee499833364c1f1e4092c032f84"),
        ("71 bytes, 1,007 B", "70 bytes, 1,100 B"),
        ("Issuer: C = XX, O = SealMQ", "Issuer: C=XX, O=SealMQ"),
        (" openssl  1.3  0.83 ms ±17%  941 B  OpenSSL 3.0.22", " openssl  1.3  73 µs ±4%  943 B  OpenSSL 3.5.7"),
        ("416,000/s  1,151 MB/s  33.8 KiB, 416,000 messages of 64 B", "9/s  6.4 MB/s  101 KiB, 9 messages of 64 B"),
        ("it can do 18 cipher suites", "it can do 30 cipher suites"),
        ("the end is ...", "the end is left out"),
        ("#1       0.005  device → broker  CONNECT", "#1      10.123  device → broker  CONNECT"),
    ],
)
def test_what_differs_from_run_to_run_may_differ(expected: str, printed: str) -> None:
    assert is_alike(expected, printed)


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("password 8 characters", "password 9 characters"),
        ("keep alive 60 s", "keep alive 30 s"),
        ("TLS 1.3", "TLS 1.2"),
        ("OpenSSL 3.0.22", "wolfSSL 3.0.22"),
        ("416,000/s", "416,000 MB/s"),
        ("70 bytes", "80 bytes"),
        ("1,007 B", "1,500 B"),
        ("2 B", "3 B"),
        ("127.0.0.1:8883", "127.0.0.1:8884"),
        ("serial 14bdcd7e3915e30e28edd26f52b5f43c", "serial none"),
        ("the end is ...", "the start is left out"),
        ("MQTT 3.1.1", "MQTT 5.0"),
        ("80 bytes, then ...", "90 bytes, then more"),
        ("", "something"),
    ],
)
def test_everything_else_is_compared_by_the_letter(expected: str, printed: str) -> None:
    assert not is_alike(expected, printed)


@pytest.mark.parametrize(
    ("expected", "printed", "whole", "found"),
    [
        ("", "", True, True),
        ("", "a", True, False),
        ("", "a", False, True),
        ("a b", "a b", True, True),
        ("a b", "a b c", True, False),
        ("a b", "a b c", False, True),
        ("a b", "c a b", False, False),
        ("a ... c", "a b c", True, True),
        ("a ... c", "a c", True, True),
        ("a ... c", "a b c d", True, False),
        ("a ...", "a b c d", True, True),
        ("... c", "a c b c", True, True),
        ("... c d ... f", "a c b c d e f", True, True),
        ("... d c ... f", "a c b c d e f", True, False),
        ("a ... a", "a", True, False),
        ("...", "", True, True),
    ],
)
def test_lines_may_be_left_out_where_the_page_says_so(expected: str, printed: str, whole: bool, found: bool) -> None:
    assert (find_output(expected.split(), printed.split(), whole=whole) is not None) is found


def test_the_same_value_stays_the_same_and_another_one_another() -> None:
    one, two, three = "0123456789abcdef", "fedcba9876543210", "00112233445566aa"
    names = Names()
    assert names.bind(one, two) == ""
    assert names.bind(f"again {one}", f"again {two}") == ""
    assert "stood for" in names.bind(one, three)
    assert names.bind(three, one) == ""
    assert "was" in names.bind(f"{one[:-1]}0", two)


def words_of_the_pages() -> list[tuple[str, int, str]]:
    found = []
    for page in tutorial.PAGES:
        for step in read_steps(page.read_text(encoding="utf-8")):
            found += [(page.name, step.line + at, line) for at, line in enumerate(step.output) if line.strip() != "..."]
    return found


@pytest.mark.parametrize("page", tutorial.PAGES, ids=lambda page: page.stem)
def test_a_changed_word_in_any_output_of_the_pages_would_be_found(page: Path) -> None:
    lines = [(number, line) for name, number, line in words_of_the_pages() if name == page.name]
    assert len(lines) > 10
    for number, line in lines:
        assert is_alike(line, line.removesuffix(" ...")), number
        for word in re.finditer(r"(?<![\w/+=])[^\W\d_]{2,}(?![\w/+=])", line):
            changed = f"{line[: word.end()]}x{line[word.end() :]}"
            assert not is_alike(changed, line.removesuffix(" ...")), f"{page.name}:{number}: {word[0]}"


@pytest.mark.parametrize("page", tutorial.PAGES, ids=lambda page: page.stem)
def test_the_links_of_the_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


# --- the runner, with programs that every machine has

SMALL = """\
<!-- terminal: other -->
```console
$ bash -c 'trap "echo bye; exit" INT; echo up; until [ -e it ]; do sleep 0.02; done; echo on 1883; cat'
up
...
```

<!-- terminal: reader, until other says: on 1883 -->
```console
$ bash -c 'touch it; cat'
```

```console
$ echo one two; exit 3
one two
$ echo $?
3
$ printf 'a\\nb\\nc\\n'
a
...
c
$ echo 0123456789abcdef > value; cat value value
fedcba9876543210
fedcba9876543210
$ echo ~
/home/ada
```

<!-- terminal: other -->
```console
^C
...
bye
```
"""


def run_small(page: str, folder: Path) -> tutorial.Tour:
    file = folder / "page.md"
    file.write_text(page, encoding="utf-8")
    (folder / "home").mkdir()
    return tutorial.take_tour(file, folder / "home", {port: free_port() for port in tutorial.PORTS})[1]


def test_a_true_page_has_no_mistake(tmp_path: Path) -> None:
    assert [str(each) for each in run_small(SMALL, tmp_path).mistakes] == []


@pytest.mark.parametrize(
    ("true", "false", "line", "why"),
    [
        ("one two\n", "one three\n", 15, "another output"),
        ("\n3\n", "\n4\n", 17, "another output"),
        ("...\nc\n", "c\n", 19, "another output"),
        ("3210\nfedcba9876543210", "3210\nfedcba9876543211", 23, "was fedcba9876543210 before"),
        ("\nbye\n", "\ngoodbye\n", 32, "another output"),
    ],
)
def test_a_false_page_is_found_with_its_line(true: str, false: str, line: int, why: str, tmp_path: Path) -> None:
    assert true in SMALL
    (mistake,) = run_small(SMALL.replace(true, false, 1), tmp_path).mistakes
    assert mistake.step.line == line
    assert why in mistake.why
    assert f"page.md:{line}: " in str(mistake)


def test_what_never_comes_is_a_mistake_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = tutorial._wait

    def impatient(true: Callable[[], bool]) -> bool:
        with monkeypatch.context() as patch:  # for programs that begin and end there is as much time as always
            patch.setattr(tutorial, "WAIT", 0.5)
            return wait(true)

    monkeypatch.setattr(tutorial, "_wait", impatient)
    page = SMALL.replace("says: on 1883", "says: on 1884").replace("up\n...", "down\n...")
    page = page.replace("; cat'", "; >on; cat'", 1)  # and it is not interrupted before it has begun
    page = page.replace("$ echo one", "$ until [ -e on ]; do sleep 0.02; done\n$ echo one")
    assert [mistake.why for mistake in run_small(page, tmp_path).mistakes] == [
        "the page has another output",
        "other never says on 1884",
    ]


def test_write_puts_the_truth_into_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "page.md"
    file.write_text(SMALL.replace("\n3\n", "\n???\n").replace("\none two\n", "\none tow\n"))
    arguments = [str(file)]
    assert tutorial.main(arguments) == 1
    assert f"{file.name}:15: " in capsys.readouterr().err
    assert tutorial.main(["--write", *arguments]) == 0
    assert file.read_text() == SMALL.replace("fedcba9876543210", "0123456789abcdef")
    capsys.readouterr()
    assert tutorial.main(arguments) == 0
    assert capsys.readouterr().err == ""


def test_a_page_is_written_anew_line_by_line() -> None:
    printed = ["first line", "2 left out", "the second line, changed", "3 left out", "last words here"]
    expected = ["first line", "...", "the second line, as it was", "last words ...", "a line that is gone for good"]
    assert written_anew(expected, printed) == [
        "first line",
        "...",
        "the second line, changed",
        "...",
        "last words ...",
    ]
    assert written_anew([console_blocks.ALL], printed) == printed
    assert written_anew(["first line", "..."], printed) == ["first line", "..."]
