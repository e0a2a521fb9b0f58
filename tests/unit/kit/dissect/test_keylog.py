"""Key logs: what counts, what doesn't, and that no secret is shown."""

from __future__ import annotations

import tracemalloc
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.kit.dissect.keylog import LABELS, MASTER_SECRET, SERVER_TRAFFIC, KeyLog, lines_of, read_key_log
from vectors.rfc8448 import SIMPLE

RANDOM, OTHER = bytes(range(32)), bytes(32)
SECRET = bytes([0xAB]) * 48


def line(label: str = MASTER_SECRET, client_random: bytes = RANDOM, secret: bytes = SECRET) -> str:
    return f"{label} {client_random.hex()} {secret.hex()}\n"


def test_the_secrets_of_rfc_8448_are_found_by_their_labels() -> None:
    key_log = read_key_log(SIMPLE.keylog.splitlines())
    for label, secret in SIMPLE.secrets.items():
        assert key_log.find(SIMPLE.client_random, label) == secret
    assert key_log.find(OTHER, SERVER_TRAFFIC) is None
    assert key_log.lines_for(SIMPLE.client_random) == SIMPLE.keylog
    assert key_log.lines_for(OTHER) == ""


@pytest.mark.parametrize("label", sorted(LABELS))
@pytest.mark.parametrize("ending", ["\n", "\r\n", "", "  \n"])
def test_each_label_is_read_as_text_and_as_bytes(label: str, ending: str) -> None:
    text = line(label).rstrip() + ending
    for one in (text, text.encode(), text.upper().replace(label.upper(), label)):
        key_log = read_key_log([one])
        assert (key_log.find(RANDOM, label), key_log.unread, len(key_log)) == (SECRET, 0, 1)


@pytest.mark.parametrize(
    "bad",
    [
        "CLIENT_RANDOM",
        f"CLIENT_RANDOM {RANDOM.hex()}",
        f"CLIENT_RANDOM {RANDOM.hex()} {SECRET.hex()} more",
        f"CLIENT_RANDOM {RANDOM.hex()}00 {SECRET.hex()}",
        f"CLIENT_RANDOM {RANDOM.hex()} {SECRET.hex()[:-1]}",
        f"CLIENT_RANDOM {RANDOM.hex()} {'zz' * 48}",
        f"CLIENT_RANDOM {RANDOM.hex()} {'00' * 40}",
        f"SOME_OTHER_LABEL {RANDOM.hex()} {SECRET.hex()}",
        "x" * 10_000,
        b"\xff\xfe\x00",
    ],
)
def test_a_bad_line_is_counted_and_those_after_it_are_read(bad: str | bytes) -> None:
    key_log = read_key_log([bad, line()])
    assert key_log.unread == 1
    assert key_log.find(RANDOM, MASTER_SECRET) == SECRET


@pytest.mark.parametrize("silent", ["", "\n", "# SSL/TLS secrets log file\n", f"RSA {'00' * 8} {SECRET.hex()}\n"])
def test_comments_empty_lines_and_old_rsa_lines_say_nothing(silent: str) -> None:
    key_log = read_key_log([silent])
    assert (key_log.unread, key_log.count) == (0, 0)


def test_only_what_is_wanted_is_kept() -> None:
    key_log = read_key_log([line(), line(client_random=OTHER)], wanted={OTHER})
    assert key_log.find(RANDOM, MASTER_SECRET) is None
    assert key_log.find(OTHER, MASTER_SECRET) == SECRET
    assert (key_log.count, key_log.unread, key_log.left_out) == (1, 0, 0)


def test_no_more_secrets_are_kept_than_was_said() -> None:
    lines = [line(client_random=number.to_bytes(32, "big")) for number in range(10)]
    key_log = read_key_log(lines, most=3)
    assert (key_log.count, key_log.left_out, len(key_log)) == (3, 7, 3)
    key_log.add(line(client_random=bytes(32), secret=bytes(48)))  # one that is known may change
    assert key_log.find(bytes(32), MASTER_SECRET) == bytes(48)
    assert (key_log.count, key_log.left_out) == (3, 7)


def test_a_key_log_grows_while_it_is_used() -> None:
    key_log = KeyLog()
    assert key_log.find(RANDOM, MASTER_SECRET) is None
    key_log.add(line())
    assert key_log.find(RANDOM, MASTER_SECRET) == SECRET


def test_no_secret_is_in_the_repr() -> None:
    assert repr(read_key_log([line()])) == "<KeyLog: 1 secrets of 1 connections>"


@given(st.lists(st.one_of(st.binary(max_size=80), st.text(max_size=80), st.just(line()))))
def test_any_lines_are_taken(lines: list[str | bytes]) -> None:
    key_log = read_key_log(lines)
    assert key_log.count == (1 if line() in lines else 0)
    assert key_log.unread <= len(lines)


def test_lines_come_one_at_a_time_and_no_more_than_was_asked_for() -> None:
    line = b"CLIENT_RANDOM " + b"ab" * 32 + b" " + b"cd" * 48 + b"\n"
    assert list(lines_of(BytesIO(line + b"\n\n" + line), 1 << 20)) == [line, b"\n", b"\n", line]
    assert b"".join(lines_of(BytesIO(line * 10), 500)) == (line * 10)[:500]
    assert max(map(len, lines_of(BytesIO(b"x" * 10_000), 1 << 20))) <= 1_024


def test_millions_of_short_lines_cost_no_memory() -> None:
    file = BytesIO(b"ab\n" * 500_000)
    tracemalloc.start()
    try:
        assert read_key_log(lines_of(file, 1 << 30)).unread == 500_000
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
