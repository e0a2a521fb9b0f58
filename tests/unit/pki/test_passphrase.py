from __future__ import annotations

import os
import threading

import pytest

from sealmq.errors import TrustError
from sealmq.pki import passphrase
from sealmq.pki.passphrase import Source, asked_by, from_file, from_surroundings, one_line, who_is_asked


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv(passphrase.VARIABLE, raising=False)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "passphrase"
    path.touch(0o600)
    path.write_text("from a file\n")
    return path


def test_nobody_says_it():
    assert from_surroundings() is None
    assert who_is_asked()() is None


def test_a_variable_names_a_file(file, monkeypatch):
    monkeypatch.setenv(passphrase.VARIABLE, str(file))
    assert from_surroundings() == b"from a file"
    monkeypatch.setenv(passphrase.VARIABLE, "")
    assert from_surroundings() is None


def test_a_credential_comes_first(file, tmp_path, monkeypatch):
    monkeypatch.setenv(passphrase.VARIABLE, str(file))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert from_surroundings() == b"from a file", "the service has credentials, but not this one"
    (tmp_path / "sealmq-ca").write_text("from systemd")
    (tmp_path / "sealmq-ca").chmod(0o440)  # as an access list shows
    assert from_surroundings() == b"from systemd"
    (tmp_path / "sealmq-ca").unlink()
    (tmp_path / "sealmq-ca").mkdir()
    with pytest.raises(TrustError, match=r"credential .* cannot be read"):
        from_surroundings()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_file_that_others_can_read_is_refused(file, mode):
    file.chmod(mode)
    with pytest.raises(TrustError, match="others") as caught:
        from_file(file)
    assert caught.value.remedy.startswith("chmod 600")


def test_a_pipe_will_do():
    reading, writing = os.pipe()
    os.write(writing, b"from a pipe\n")
    os.close(writing)
    try:
        assert from_file(passphrase.Path(f"/dev/fd/{reading}")) == b"from a pipe"
    finally:
        os.close(reading)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "no passphrase"), (b"\n", "no passphrase"), (b"one\ntwo\n", "2 lines"), (b"\ntwo", "2 lines")],
)
def test_it_is_one_line(data, said):
    with pytest.raises(TrustError, match=said):
        one_line(data, "FILE")


@pytest.mark.parametrize("data", [b"one", b"one\n", b"one\r\n"])
def test_the_end_of_the_line_is_not_part_of_it(data):
    assert one_line(data, "FILE") == b"one"


def test_a_person_is_asked_last():
    asked = []

    def typed():
        asked.append(1)
        return b"typed"

    with asked_by(Source(lambda: b"given", typed)):
        assert who_is_asked()() == b"given"
        assert asked == []
    with asked_by(Source(lambda: None, typed)):
        assert who_is_asked()() == b"typed"
    assert who_is_asked()() is None


def test_each_context_asks_its_own():
    answers = []
    with asked_by(Source(lambda: b"mine")):
        thread = threading.Thread(target=lambda: answers.append(who_is_asked()()))
        thread.start()
        thread.join()
    assert answers == [None]


def test_a_file_that_is_not_there_is_named_and_what_it_should_be(tmp_path):
    with pytest.raises(TrustError, match="there is no file") as caught:
        from_file(tmp_path / "nothing")
    assert "one line, the passphrase" in caught.value.remedy
