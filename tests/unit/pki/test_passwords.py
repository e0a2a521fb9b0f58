"""Passwords: what is kept of them, and that only the right one verifies."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sealmq.errors import EnrollmentError, HomeError
from sealmq.pki import passwords
from sealmq.pki.passwords import DECOY, check_password, generate_password, hash_password, verify_password


def test_the_right_password_verifies_and_no_other_does() -> None:
    stored = hash_password(b"correct horse")
    assert stored.startswith("$scrypt$ln=15,r=8,p=1$")
    assert b"correct horse" not in stored.encode()
    assert verify_password(stored, b"correct horse")
    assert not verify_password(stored, b"correct horsE")
    assert not verify_password(stored, b"")


def test_the_same_password_is_kept_differently_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST_LOG2", 4)
    assert hash_password(b"the same one") != hash_password(b"the same one")


def test_what_was_kept_with_other_parameters_still_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST_LOG2", 6)
    stored = hash_password(b"from a cheaper year")
    monkeypatch.undo()
    assert "ln=6," in stored
    assert verify_password(stored, b"from a cheaper year")


def test_it_is_scrypt_as_the_rfc_has_it() -> None:
    # RFC 7914 section 12, third vector; with our length of 32 bytes.
    derived = Scrypt(salt=b"SodiumChloride", length=64, n=16384, r=8, p=1).derive(b"pleaseletmein")
    assert derived.hex().startswith("7023bdcb3afd7348461c06cd81fd38eb")


def test_nobody_has_the_decoys_password() -> None:
    for guess in (b"", b"password", DECOY.encode()):
        assert not verify_password(DECOY, guess)


@pytest.mark.parametrize(
    "stored",
    [
        "", "plain", "$scrypt$", "$argon2id$x", f"{DECOY} ", DECOY.replace("ln=15", "ln=30"),
        DECOY.replace("r=8", "r=99"), DECOY.replace("p=1", "p=16"), DECOY.replace("ln=15", "ln=0"), DECOY[:-1],
    ],
    ids=range(10),
)  # fmt: skip
def test_a_damaged_text_is_an_error_and_costs_nothing(stored: str) -> None:
    with pytest.raises(HomeError, match="damaged"):
        verify_password(stored, b"password")


def test_generated_passwords_are_good_and_differ() -> None:
    made = {generate_password() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        check_password(password.encode())
        assert len(password) == 23
        assert not set(password) & set("01ilo")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        (b"", "fewer than 8"), (b"1234567", "fewer than 8"), (b"x" * 1025, "more than 1024"),
        (b"\xff" * 9, "UTF-8"), (b"with a\ttab", "cannot be printed"), ("äöüäöü".encode(), "fewer than 8"),
    ],
)  # fmt: skip
def test_what_is_no_password_is_refused_in_words(password: bytes, why: str) -> None:
    with pytest.raises(EnrollmentError, match=why) as caught:
        check_password(password)
    assert repr(password) not in caught.value.what + caught.value.why


def test_a_long_sentence_in_any_script_is_a_password() -> None:
    check_password("ein Satz mit Umlauten: äöü 鍵".encode())
