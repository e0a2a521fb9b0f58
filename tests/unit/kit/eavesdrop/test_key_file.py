from __future__ import annotations

import os
from pathlib import Path

import pytest

from sealmq.errors import ConfigError
from sealmq.kit.dissect.keylog import CLIENT_HANDSHAKE, MASTER_SECRET
from sealmq.kit.eavesdrop.key_file import LONGEST_LINE, MOST_SECRETS, KeyFile

RANDOM = bytes(range(32))


def line(client_random: bytes = RANDOM, secret: int = 1, label: str = MASTER_SECRET) -> str:
    return f"{label} {client_random.hex()} {bytes([secret] * 48).hex()}\n"


def numbered(number: int) -> bytes:
    return number.to_bytes(32, "big")


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_what_is_written_later_is_found(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keys = KeyFile(path)
    assert keys.secrets_of(RANDOM).find(RANDOM, MASTER_SECRET) is None
    append(path, line())
    assert keys.secrets_of(RANDOM).find(RANDOM, MASTER_SECRET) == bytes([1] * 48)
    append(path, line(label=CLIENT_HANDSHAKE, secret=2))
    found = keys.secrets_of(RANDOM)
    assert (found.count, found.lines_for(RANDOM)) == (2, line() + line(label=CLIENT_HANDSHAKE, secret=2))
    assert keys.secrets_of(numbered(7)).count == 0


def test_what_lay_there_before_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    append(path, line())
    keys = KeyFile(path)
    append(path, line(numbered(1)))
    assert keys.secrets_of(RANDOM).count == 0
    assert keys.secrets_of(numbered(1)).count == 1


def test_a_line_may_come_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keys = KeyFile(path)
    for part in (line()[:20], line()[20:60], line()[60:-1]):
        append(path, part)
        assert keys.secrets_of(RANDOM).count == 0
    append(path, "\n")
    assert keys.secrets_of(RANDOM).count == 1


def test_a_line_without_end_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keys = KeyFile(path)
    append(path, "x" * (LONGEST_LINE + 1))
    keys.look()
    append(path, "\n" + line())
    assert keys.secrets_of(RANDOM).count == 1


def test_a_file_that_was_emptied_or_replaced_is_read_from_its_front(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    append(path, "# much that was there before\n" * 50)
    keys = KeyFile(path)
    path.write_text(line())
    assert keys.secrets_of(RANDOM).count == 1
    (tmp_path / "new").write_text("# of the same length, or more\n" * 90 + line(numbered(1)))
    (tmp_path / "new").replace(path)
    assert keys.secrets_of(numbered(1)).count == 1
    path.unlink()
    assert keys.secrets_of(numbered(1)).count == 1


def test_the_oldest_are_forgotten_and_the_youngest_found(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keys = KeyFile(path)
    path.touch()
    count = 3 * MOST_SECRETS + 10
    for first in range(0, count, MOST_SECRETS):
        append(path, "".join(line(numbered(number)) for number in range(first, min(first + MOST_SECRETS, count))))
        keys.look()
    while keys.secrets_of(numbered(count - 1)).count == 0:
        keys.look()
    assert keys.secrets_of(numbered(0)).count == 0
    assert keys.secrets_of(numbered(2 * MOST_SECRETS)).count == 1
    assert keys._older.count + keys._younger.count <= 2 * MOST_SECRETS


def test_a_connection_whose_secrets_lie_on_both_sides_of_the_turn_has_them_all(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keys = KeyFile(path)
    filler = "".join(line(numbered(number)) for number in range(MOST_SECRETS - 1))
    append(path, filler + line() + line(label=CLIENT_HANDSHAKE))
    while keys.secrets_of(RANDOM).count < 2:  # a look reads a part
        assert path.stat().st_size > keys._at
    assert keys._older.find(RANDOM, MASTER_SECRET)
    assert keys._younger.find(RANDOM, CLIENT_HANDSHAKE)


def test_noise_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keys = KeyFile(path)
    path.write_bytes(os.urandom(50_000) + b"\n" + line().encode())
    assert keys.secrets_of(RANDOM).count == 1


def test_a_pipe_or_a_folder_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ConfigError, match="not a file"):
            KeyFile(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        KeyFile(tmp_path / ("x" * 300))


def test_a_pipe_that_takes_the_files_place_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    append(path, line())
    keys = KeyFile(path)
    path.unlink()
    os.mkfifo(path)
    assert keys.secrets_of(RANDOM).count == 0
