"""Passwords at rest: hashed with scrypt (RFC 7914), never kept, never shown.

Rule 1: the parameters stand in the stored text, so that they can rise: what was stored before still verifies.
Rule 2: a check costs as much for a name that does not exist as for a wrong password (`DECOY`), and compares in constant
        time.
Rule 3: nothing here runs on an event loop: 2^15 rounds with blocks of 1 KiB take 32 MiB and 50 to 100 ms on a machine
        of 2024. That is what makes a stolen database slow to guess from. The work lets other threads run.

    $scrypt$ln=15,r=8,p=1$SALT$HASH     base64 without "=", as the PHC string format has it
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sealmq.errors import EnrollmentError, HomeError

COST_LOG2, BLOCK, LANES = 15, 8, 1
"""scrypt's N (as a power of two), r and p for new passwords."""

SHORTEST = 8
"""Characters (NIST SP 800-63B section 3.1.1.2): with the delays against guessing below it no list of bad ones helps."""

LONGEST = 1_024
"""Bytes. MQTT could carry 65,535; nobody has such a password."""

_SALT_BYTES = 16
_HASH_BYTES = 32
_STORED = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})", re.ASCII
)
_COSTS = range(1, 21)  # 2^20 with r = 8 is a gigabyte: a damaged or planted text must not take more
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look like another


def check_password(password: bytes) -> None:
    """Raise EnrollmentError unless `password` may be an account's."""
    try:
        text = password.decode()
    except UnicodeDecodeError:
        raise EnrollmentError("the password is not text in UTF-8", why="few clients could send it") from None
    if len(text) < SHORTEST:
        raise EnrollmentError(
            f"the password has fewer than {SHORTEST} characters", remedy="take a longer one, or --generate"
        )
    if len(password) > LONGEST:
        raise EnrollmentError(f"the password has more than {LONGEST} bytes")
    if not text.isprintable():
        raise EnrollmentError(
            "the password has a character that cannot be printed",
            why="a line break or tab comes from copying more often than from thinking",
            remedy="type it anew",
        )


def generate_password() -> str:
    """A password that nobody can guess and anybody can type: 99 bits in four groups of five letters and digits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def hash_password(password: bytes) -> str:
    """What is stored of a password."""
    salt = secrets.token_bytes(_SALT_BYTES)
    kdf = Scrypt(salt=salt, length=_HASH_BYTES, n=1 << COST_LOG2, r=BLOCK, p=LANES)
    return f"$scrypt$ln={COST_LOG2},r={BLOCK},p={LANES}${_text(salt)}${_text(kdf.derive(password))}"


def verify_password(stored: str, password: bytes) -> bool:
    """Is it the password of which `stored` is kept? Slow on purpose (rule 3).

    Raises HomeError when `stored` is damaged.
    """
    match = _STORED.fullmatch(stored)
    if match is None:
        raise HomeError("a stored password is damaged", remedy="sealmq account password NAME")
    cost, block, lanes = (int(match[group]) for group in (1, 2, 3))
    try:
        salt, expected = (base64.b64decode(match[group] + "=" * (-len(match[group]) % 4)) for group in (4, 5))
        if cost not in _COSTS or block > BLOCK or lanes > 4:
            raise ValueError
        kdf = Scrypt(salt=salt, length=_HASH_BYTES, n=1 << cost, r=block, p=lanes)
    except (ValueError, binascii.Error):
        raise HomeError("a stored password is damaged", remedy="sealmq account password NAME") from None
    try:
        kdf.verify(password, expected)
    except InvalidKey:
        return False
    return True


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


DECOY = (
    f"$scrypt$ln={COST_LOG2},r={BLOCK},p={LANES}${_text(bytes(_SALT_BYTES))}${_text(secrets.token_bytes(_HASH_BYTES))}"
)
"""What a password for an unknown name is compared with: nobody has the one that it is made from."""
