"""CA keys in a PKCS#11 token (HSM, smart card, SoftHSM): they sign in there, and do not come out.

The key file of such a CA holds no key but where it is, as RFC 7512 writes it, on one line:

    pkcs11:token=plant;serial=66a8d3e2e49b3797;object=Example%20Device%20CA%201;id=%6d%f8...;type=private
        ?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/sealmq/pin

Rule 1: the PIN is never in it. It is in the file that pin-source names, or it is what is asked for as the passphrase
        of the CA's keys (passphrase.py).
Rule 2: a PIN that was refused is not tried again by itself: tokens lock after a few.
Rule 3: each signature is verified before it leaves: a handle that was good before the token was taken out may be that
        of another key behind it.

It needs the package python-pkcs11: pip install 'sealmq[pkcs11]'.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, unquote_to_bytes

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    PrivateFormat,
)

from sealmq.errors import TrustError
from sealmq.pki import vault
from sealmq.pki.keys import PrivateKey, PublicKey
from sealmq.pki.passphrase import REMEDY, Ask, one_line

if TYPE_CHECKING:
    import pkcs11

_P256 = bytes.fromhex("06082a8648ce3d030107")  # the object identifier of prime256v1, DER: PKCS#11's CKA_EC_PARAMS
_COORDINATE = 32  # octets of r, and of s
_URI = re.compile(r"pkcs11:(?P<path>[^?\s]*)(?:\?(?P<query>\S*))?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key is (RFC 7512).

    module:     the library that speaks to the token, a path.
    token:      the token's label.
    serial:     its serial number; "" when any token of that label will do.
    label:      the key's label, for people.
    id:         the key's CKA_ID: what it is found by.
    pin_source: the file that has the PIN; "" when it is asked for.
    """

    module: str
    token: str
    serial: str = ""
    label: str = ""
    id: bytes = b""
    pin_source: str = ""

    def __str__(self) -> str:
        path = [f"token={quote(self.token, safe='')}"]
        if self.serial:
            path.append(f"serial={quote(self.serial, safe='')}")
        if self.label:
            path.append(f"object={quote(self.label, safe='')}")
        if self.id:
            path.append("id=" + "".join(f"%{octet:02x}" for octet in self.id))
        query = [f"module-path={quote(self.module, safe='/')}"]
        if self.pin_source:
            query.append(f"pin-source=file:{quote(self.pin_source, safe='/')}")
        return f"pkcs11:{';'.join([*path, 'type=private'])}?{'&'.join(query)}"


def is_place(data: bytes) -> bool:
    """Whether a key file says where the key is, and does not hold it."""
    return data.startswith(b"pkcs11:")


def read_place(data: bytes) -> Place:
    """Read what `str(place)` wrote, or what somebody wrote by hand. Raises TrustError when it can't be followed."""
    match = _URI.fullmatch(data.decode("ascii", "replace").strip())
    if match is None:
        raise TrustError("this is not a PKCS#11 URI", why="RFC 7512 says how to write one, on one line")
    path = dict(part.partition("=")[::2] for part in match["path"].split(";") if part)
    query = dict(part.partition("=")[::2] for part in (match["query"] or "").split("&") if part)
    if "pin-value" in query:
        raise TrustError(
            "the PKCS#11 URI has a PIN in it", why="backups would carry it", remedy="pin-source=file:FILE in its place"
        )
    pin_source = unquote(query.get("pin-source", "")).removeprefix("file:")
    if pin_source and not pin_source.startswith("/"):
        raise TrustError("the pin-source of the PKCS#11 URI is no file", remedy="pin-source=file:/FOLDER/FILE")
    place = Place(
        module=unquote(query.get("module-path", "")),
        token=unquote(path.get("token", "")),
        serial=unquote(path.get("serial", "")),
        label=unquote(path.get("object", "")),
        id=unquote_to_bytes(path.get("id", "")),
        pin_source=pin_source,
    )
    if not place.module or not place.token or not place.id:
        raise TrustError("the PKCS#11 URI is not whole", why="it needs token, id and module-path")
    return place


class TokenKey(ec.EllipticCurvePrivateKey):
    """A P-256 key that is in a token. To `cryptography` it is a key like others: it asks it to sign."""

    def __init__(self, place: Place, public: ec.EllipticCurvePublicKey, ask: Ask) -> None:
        self.place = place
        self._public = public
        self._ask = ask
        self._found: tuple[pkcs11.Session, pkcs11.SignMixin] | None = None

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """Sign as `cryptography` would. Raises TrustError when the token does not."""
        if not isinstance(signature_algorithm, ec.ECDSA) or not isinstance(signature_algorithm.algorithm, SHA256):
            raise TrustError("a CA key signs with ecdsa-with-SHA256 alone")
        with _at_the_token(self.place):
            if self._found is not None:
                signature = self._sign(data, *self._found)
                if signature is not None:
                    return signature
                # It was taken out and put in again, or its service was restarted: every handle is void. We open
                # another session, once. The PIN was right before, so this is no second try of a wrong one (rule 2).
                _forget_session(self._found[0])
            self._found = self._find()
            signature = self._sign(data, *self._found)
        if signature is None:
            raise TrustError(
                f"the key '{self.place.label}' in the token '{self.place.token}' does not sign as its certificate says",
                why="it belongs to another certificate, or the token is at fault",
            )
        return signature

    def _sign(self, data: Any, session: pkcs11.Session, key: pkcs11.SignMixin) -> bytes | None:
        """A signature that was verified (rule 3); None when what we hold does not give one."""
        pkcs11 = _library()
        # The digest is made here: CKM_ECDSA is there in every token, CKM_ECDSA_SHA256 in few.
        digest = hashlib.sha256(data).digest()
        try:
            raw = bytes(key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA))
        except (
            pkcs11.SessionHandleInvalid,
            pkcs11.SessionClosed,
            pkcs11.KeyHandleInvalid,
            pkcs11.ObjectHandleInvalid,
            pkcs11.UserNotLoggedIn,
            pkcs11.DeviceRemoved,
            pkcs11.TokenNotPresent,
        ):
            return None
        r, s = raw[:_COORDINATE], raw[_COORDINATE:]
        signature = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        try:
            self._public.verify(signature, digest, ec.ECDSA(Prehashed(SHA256())))
        except InvalidSignature:
            return None
        return signature

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public key, from the certificate."""
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        """P-256."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """256 bits."""
        return self._public.key_size

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        """A CA key agrees on no secrets."""
        raise TrustError("a CA key is for signing alone")

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        """Stays in the token."""
        raise self._stays()

    def private_bytes(
        self, encoding: Encoding, format: PrivateFormat, encryption_algorithm: KeySerializationEncryption
    ) -> bytes:
        """Stays in the token."""
        raise self._stays()

    def __copy__(self) -> TokenKey:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> TokenKey:
        return self

    def _find(self) -> tuple[pkcs11.Session, pkcs11.SignMixin]:
        session = session_of(self.place, self._ask)
        key = _find(session, self.place)
        if key is None:
            raise TrustError(
                f"there is no key '{self.place.label}' in the token '{self.place.token}'",
                remedy="put the right token in",
            )
        return session, key

    def _stays(self) -> TrustError:
        return TrustError(f"the key '{self.place.label}' is in the token '{self.place.token}', and does not come out")


def load_key(place: Place, public: PublicKey, ask: Ask) -> PrivateKey:
    """The key at `place`, which must belong to `public`. Raises TrustError when it is not there, or does not sign."""
    loaded = public.loaded()
    if not isinstance(loaded, ec.EllipticCurvePublicKey):
        raise TrustError("only ECDSA keys are looked for in a token")
    key = TokenKey(place, loaded, ask)
    key.sign(secrets.token_bytes(32), ec.ECDSA(SHA256()))
    return PrivateKey(key)


def place_of(key: PrivateKey) -> Place | None:
    """Where a key is; None when it is not in a token."""
    loaded = key.loaded()
    return loaded.place if isinstance(loaded, TokenKey) else None


def put_key(place: Place, key: PrivateKey, ask: Ask) -> PrivateKey:
    """Put a key into a token, where it can't be read again. place: with its label and id.

    One that is there under that id already, from a run that was killed, is taken if it is the same key.
    Raises TrustError when the token does not want it.
    """
    pkcs11 = _library()
    with _at_the_token(place):
        session = session_of(place, ask, writable=True)
        place = replace(place, serial=_serial_of(session))
        if _find(session, place) is None:
            session.create_object(
                {
                    pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY,
                    pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.EC,
                    pkcs11.Attribute.EC_PARAMS: _P256,
                    pkcs11.Attribute.VALUE: key.loaded().private_numbers().private_value.to_bytes(_COORDINATE, "big"),
                    pkcs11.Attribute.TOKEN: True,
                    **_never_readable(place),
                }
            )
    return load_key(place, key.public, ask)


def generate_key(place: Place, ask: Ask) -> PrivateKey:
    """A new key, made inside the token. place: with a label; the id is chosen. Raises TrustError."""
    pkcs11 = _library()
    place = replace(place, id=secrets.token_bytes(20))
    with _at_the_token(place):
        session = session_of(place, ask, writable=True)
        place = replace(place, serial=_serial_of(session))
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: _P256}, local=True
        )
        public, _ = parameters.generate_keypair(
            store=True, label=place.label, id=place.id, private_template=_never_readable(place)
        )
        point = bytes(public[pkcs11.Attribute.EC_POINT])
    # PKCS#11 wraps the point in an OCTET STRING: tag, length, point.
    loaded = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point[2:])
    return load_key(place, PublicKey.of(loaded), ask)


def _never_readable(place: Place) -> dict[Any, Any]:
    pkcs11 = _library()
    return {
        pkcs11.Attribute.LABEL: place.label,
        pkcs11.Attribute.ID: place.id,
        pkcs11.Attribute.PRIVATE: True,  # seen only behind the PIN
        pkcs11.Attribute.SENSITIVE: True,
        pkcs11.Attribute.EXTRACTABLE: False,  # not even wrapped by another key
        pkcs11.Attribute.SIGN: True,
        pkcs11.Attribute.DERIVE: False,
    }


# -- sessions --------------------------------------------------------------------------------------------------------

_sessions: list[tuple[Place, pkcs11.Session]] = []
"""One session for each token, and process: a login counts for the whole process, and a second one is an error."""

_refused: set[tuple[str, str, str]] = set()
"""Token and PIN that did not fit together: not tried again (rule 2)."""

_one_at_a_time = threading.RLock()
"""python-pkcs11 initializes a library without telling it of threads, so it may not be ready for two at once."""


def session_of(place: Place, ask: Ask, *, writable: bool = False) -> pkcs11.Session:
    """A session with the token, logged in. Raises TrustError with what to do when there can be none."""
    with _at_the_token(place):
        for index, (known, session) in enumerate(_sessions):
            if (known.module, known.token) != (place.module, place.token):
                continue
            if place.serial not in ("", known.serial):
                continue
            if writable and not session.rw:
                session = session.token.open(rw=True)  # without a PIN: we are logged in
                _sessions[index] = known, session
            return session
        session = _log_in(place, _pin(place, ask), writable=writable)
        _sessions.append((replace(place, serial=_serial_of(session)), session))
        return session


def _log_in(place: Place, pin: str, *, writable: bool) -> pkcs11.Session:
    token = _open_token(place)
    pkcs11 = _library()
    attempt = (place.module, place.token, pin)
    if attempt in _refused:
        raise pkcs11.PinIncorrect
    try:
        return token.open(rw=writable, user_pin=pin)
    except pkcs11.UserAlreadyLoggedIn:
        return token.open(rw=writable)  # by a session of ours that somebody still holds
    except pkcs11.PinIncorrect:
        _refused.add(attempt)
        raise


def _forget_session(session: pkcs11.Session) -> None:
    # Not closed: it is void, and behind a restart of the token's library its number may be that of a new one.
    _sessions[:] = [(place, other) for place, other in _sessions if other is not session]


def _open_token(place: Place) -> pkcs11.Token:
    pkcs11 = _library()
    _check_module(Path(place.module))
    tokens = [slot.get_token() for slot in pkcs11.lib(place.module).get_slots(token_present=True)]
    fitting = [
        token
        for token in tokens
        if token.label == place.token and place.serial in ("", token.serial.decode(errors="replace"))
    ]
    if not fitting:
        there = ", ".join(sorted(f"'{token.label}'" for token in tokens if token.label))
        raise TrustError(
            f"there is no token '{place.token}'",
            why=f"{place.module} knows {there or 'no token at all'}",
            remedy="put it in, or name another with --token",
        )
    return fitting[0]  # type: ignore[no-any-return]


def _check_module(module: Path) -> None:
    """Raise TrustError when somebody else could have written the library: its code runs in here."""
    try:
        there = module.stat()
    except OSError as error:
        raise TrustError(f"the PKCS#11 library {module} cannot be loaded", why=error.strerror or "") from error
    if there.st_uid not in (0, os.geteuid()):
        raise TrustError(
            f"the PKCS#11 library {module} belongs to somebody else", remedy="name one that root installed"
        )
    vault.check_unchanged(module)


def _pin(place: Place, ask: Ask) -> str:
    if place.pin_source:
        pin: bytes | None = one_line(vault.read_private(Path(place.pin_source)), place.pin_source)
    else:
        pin = ask()
    if pin is None:
        raise TrustError(f"the token '{place.token}' wants its PIN, and nobody gave it", remedy=REMEDY)
    return pin.decode(errors="replace")


def _find(session: pkcs11.Session, place: Place) -> pkcs11.SignMixin | None:
    pkcs11 = _library()
    found = list(
        session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.Attribute.ID: place.id})
    )
    return found[0] if found else None  # type: ignore[return-value]


def _serial_of(session: pkcs11.Session) -> str:
    return session.token.serial.decode(errors="replace")


def _library() -> ModuleType:
    """python-pkcs11, which only who has a token needs."""
    try:
        import pkcs11
    except ImportError:
        raise TrustError(
            "the key is in a PKCS#11 token, and python-pkcs11 is not installed", remedy="pip install 'sealmq[pkcs11]'"
        ) from None
    return pkcs11


@contextmanager
def _at_the_token(place: Place) -> Iterator[None]:
    """One thread at a time, and failures in words."""
    pkcs11 = _library()
    try:
        with _one_at_a_time:
            yield
    except pkcs11.PinIncorrect:
        raise TrustError(
            f"the PIN does not open the token '{place.token}'",
            why="after a few wrong ones it locks",
            remedy="look where the PIN comes from before you try again",
        ) from None
    except pkcs11.PinLocked:
        raise TrustError(
            f"the token '{place.token}' is locked", why="too many wrong PINs", remedy="its security officer unlocks it"
        ) from None
    except pkcs11.PKCS11Error as error:
        raise TrustError(
            f"the token '{place.token}' does not do its work", why=f"{type(error).__name__} {error}".strip()
        ) from error
