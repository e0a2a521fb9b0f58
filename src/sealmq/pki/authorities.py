"""The CAs of a home: the one place that knows the folder HOME/ca.

    root.pem              what a client must trust; two certificates while a new root comes in, the newest first
    server-ca.pem         the Server CA; signs the broker's certificate
    device-ca.pem         the Device CAs whose devices are let in, the newest first: it signs, the others only revoke
    claim-ca.pem          the Claim CA, where there is one; signs what may ask for a device certificate, and no more
    NAME.key              the key of the newest of each; the root's may be away
    cross.pem             while a new root comes in: new with old, old with new (rollover.py)
    rollover.json         since when, and until when both are to be trusted
    retired/KEY_ID.pem    a CA that signs no certificates any more, with its .key: its CRLs are still needed

A key is kept in one of three ways, all keys of a home in the same: plain, sealed by a passphrase (sealing.py), or in a
token, and then the file says where (token.py). keeping.py changes from one to another.

Rule 1: a key is read when somebody needs it, and once. What only needs certificates never touches a key.
Rule 2: what belongs together changes together (together.py): a certificate and its key, or all the keys.
Rule 3: the passphrase is asked for once, when the first sealed key is met, and remembered as long as the keys are.

Whoever changes something holds the lock on the home.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from sealmq.errors import HomeError, TrustError
from sealmq.pki import sealing, together, token, vault
from sealmq.pki.authority import Authority, certificates_of
from sealmq.pki.keys import PrivateKey
from sealmq.pki.passphrase import REMEDY, Ask, who_is_asked
from sealmq.pki.peer import public_key_of, subject_key_id

ROOT = "root"
SERVER_CA = "server-ca"
DEVICE_CA = "device-ca"
CLAIM_CA = "claim-ca"

NAMES = (ROOT, SERVER_CA, DEVICE_CA, CLAIM_CA)
"""The CAs of a home, by the names of their files."""

CROSS_FILE = "cross.pem"
OVERLAP_FILE = "rollover.json"

_NEEDED = (ROOT, SERVER_CA, DEVICE_CA)  # certificates without which a home is not whole; older homes have no Claim CA
_KEYS_NEEDED = (SERVER_CA, DEVICE_CA)  # not the root's: it may be taken away, and kept in a drawer
_RETIRED = "retired"

Keeping = Literal["plain", "sealed", "token"]
"""How a key is kept."""


def kept_as(key_file: bytes) -> Keeping:
    """How the key is kept that a key file holds, or tells of."""
    if token.is_place(key_file):
        return "token"
    return "sealed" if sealing.is_sealed(key_file) else "plain"


class Overlap(NamedTuple):
    """While two roots are trusted. Unix seconds; `until` is a plan, not an end: see rolling_over.py."""

    begun: float
    until: float


class Authorities:
    """The CAs in one folder. Making this object looks at nothing.

    directory: HOME/ca.
    ask:       what gives the passphrase of sealed keys, or a token's PIN; None: whoever is asked in this context.
    """

    def __init__(self, directory: Path, ask: Ask | None = None) -> None:
        self.directory = directory
        self._ask = ask or who_is_asked()
        self._passphrase: bytes | None = None
        self._loaded: dict[str, Authority] = {}

    # --- the CAs, with their keys. Each raises HomeError when a file is missing, TrustError when one can't be used.

    @property
    def root(self) -> Authority:
        """The root CA. HomeError where its key is away; see `bring_root`."""
        if ROOT not in self._loaded and not self.has_key(ROOT):
            raise HomeError(
                "the root's key is not in this home",
                why="it was taken away, and a new issuing CA needs it",
                remedy="--root-key FILE, with the file that `sealmq ca export-root` wrote",
            )
        return self.load(ROOT)

    @property
    def server(self) -> Authority:
        """The Server CA: what the broker's certificate comes from."""
        return self.load(SERVER_CA)

    @property
    def device(self) -> Authority:
        """The newest Device CA: what device certificates come from."""
        return self.load(DEVICE_CA)

    @property
    def claim(self) -> Authority:
        """The Claim CA. HomeError where there is none yet."""
        return self.load(CLAIM_CA)

    def retired(self, key_id: str) -> Authority:
        """A CA that signs no certificates any more, by its key identifier: for its CRLs."""
        return self.load(f"{_RETIRED}/{key_id}")

    def retired_key_ids(self) -> list[str]:
        """The key identifiers of the CAs that are retired."""
        return sorted(path.stem for path in (self.directory / _RETIRED).glob("*.pem"))

    def by_key_id(self, key_id: str) -> Authority:
        """The CA with this key identifier, whatever it is for today. HomeError where there is none, or no key of it."""
        for name in NAMES:
            if self.has(name) and self.key_ids(name)[0] == key_id:
                return self.load(name)
        if key_id not in self.retired_key_ids():
            raise HomeError(f"this home has no authority with the key identifier {key_id}")
        return self.retired(key_id)

    def load(self, name: str) -> Authority:
        """One of NAMES, or retired/KEY_ID, with its key. Raises HomeError, TrustError."""
        if name not in self._loaded:
            certificate = self._pem(name)
            key_file = vault.read_private(self._existing(self.key_file(name)))
            match kept_as(key_file):
                case "token":
                    public = public_key_of(certificates_of(certificate)[0])
                    key = token.load_key(self._place(name, key_file), public, self._passphrase_once)
                case "sealed":
                    key = self._unseal(name, key_file)
                case _:
                    key = PrivateKey.from_pem(key_file)
            self._loaded[name] = Authority.with_key(certificate, key)
        return self._loaded[name]

    def unlock(self) -> None:
        """Read the keys that a running broker needs, so that whoever gives the passphrase is asked now and not when
        nobody is there."""
        _ = self.server, self.device

    def bring_root(self, root: Authority) -> None:
        """Use a root whose key is not in this home, from here on. Raises TrustError when it is not this home's."""
        if root.certificate.der != self.certificate(ROOT):
            raise TrustError(f"the key is that of '{root.common_name}', which is not the root of this home")
        self._loaded[ROOT] = root

    def forget(self) -> None:
        """Read everything anew from here on: somebody has changed the folder. The passphrase is remembered."""
        self._loaded.clear()

    # --- certificates; no key is touched

    @property
    def roots_pem(self) -> bytes:
        """What a client must trust: ca/root.pem."""
        return self._pem(ROOT)

    @property
    def device_anchors_pem(self) -> bytes:
        """What the broker trusts: the Device CAs, the newest first."""
        return self._pem(DEVICE_CA)

    @property
    def claim_anchors_pem(self) -> bytes:
        """The Claim CA's certificate; nothing where there is none."""
        return self._pem(CLAIM_CA) if self.has(CLAIM_CA) else b""

    def certificate(self, name: str) -> bytes:
        """The newest certificate of one of NAMES, DER."""
        return certificates_of(self._pem(name))[0]

    def key_ids(self, name: str) -> list[str]:
        """The key identifiers of all the certificates in NAME.pem, the newest first."""
        return list(map(subject_key_id, certificates_of(self._pem(name))))

    def anchors(self) -> list[str]:
        """The key identifiers of all that may have signed what is let in: Device CAs, and Claim CAs where there are."""
        return [key_id for name in (DEVICE_CA, CLAIM_CA) if self.has(name) for key_id in self.key_ids(name)]

    @property
    def cross_certificates(self) -> list[bytes]:
        """New with old, and old with new, DER; none while there is one root."""
        path = self.directory / CROSS_FILE
        return certificates_of(path.read_bytes()) if path.exists() else []

    @property
    def server_chain_pem(self) -> bytes:
        """What the broker sends behind its own certificate: the Server CA, and what leads from the new root to the old
        one, for clients that know only that."""
        new_root = self.key_ids(ROOT)[0]
        path = self.directory / CROSS_FILE
        cross = _split_pem(path.read_bytes()) if path.exists() else []
        return self._pem(SERVER_CA) + b"".join(
            pem for pem in cross if subject_key_id(certificates_of(pem)[0]) == new_root
        )

    def overlap(self) -> Overlap | None:
        """Since when and until when two roots are trusted; None: there is one."""
        path = self.directory / OVERLAP_FILE
        if not path.exists():
            return None
        try:
            said = json.loads(path.read_bytes())
            return Overlap(float(said["begun"]), float(said["until"]))
        except (ValueError, KeyError, TypeError) as error:
            raise HomeError(
                f"{path} is damaged", why=str(error), remedy="put the latest backup of the home in its place"
            ) from error

    def published(self) -> list[bytes]:
        """All that a client may need to build a chain, DER: the roots, what leads from one to the other, the issuing
        CAs (RFC 7030 section 4.1.3)."""
        names = [name for name in (SERVER_CA, DEVICE_CA, CLAIM_CA) if self.has(name)]
        issuing = [der for name in names for der in certificates_of(self._pem(name))]
        return [*certificates_of(self.roots_pem), *self.cross_certificates, *issuing]

    # --- which files are there

    def certificate_file(self, name: str) -> Path:
        """Where the certificates of one of NAMES, or of retired/KEY_ID, are."""
        return self.directory / f"{name}.pem"

    def key_file(self, name: str) -> Path:
        """Where the key of one of NAMES, or of retired/KEY_ID, is."""
        return self.directory / f"{name}.key"

    def has(self, name: str) -> bool:
        """Whether there is such a CA."""
        return self.certificate_file(name).exists()

    def has_key(self, name: str) -> bool:
        """Whether its key is here."""
        return self.key_file(name).exists()

    def names_with_keys(self) -> list[str]:
        """Which of NAMES, and of retired/KEY_ID, have their key here."""
        retired = (f"{_RETIRED}/{key_id}" for key_id in self.retired_key_ids())
        return [name for name in (*NAMES, *retired) if self.has_key(name)]

    @property
    def keeping(self) -> Keeping:
        """How this home keeps its keys; of a home that is being made, how it will."""
        if not self.has_key(SERVER_CA):
            return "plain" if self._passphrase is None else "sealed"
        return kept_as(vault.read_private(self.key_file(SERVER_CA)))

    def check(self) -> None:
        """Raise HomeError when a file is missing, TrustError when others can read a key or change a certificate."""
        for name in _NEEDED:
            self._existing(self.certificate_file(name))
        for name in _KEYS_NEEDED:
            self._existing(self.key_file(name))
        for folder in (self.directory, self.directory / _RETIRED):
            if not folder.exists():
                continue
            vault.check_unchanged(folder)  # whoever can write here can put another CA in its place
            for path in sorted(folder.glob("*.pem")):
                vault.check_unchanged(path)
            for path in sorted(folder.glob("*.key")):
                vault.check_private(path)

    # --- changing

    def seal_with(self, passphrase: bytes) -> None:
        """In a home that is being made: seal every key by this passphrase from its first byte on the disk."""
        sealing.check_passphrase(passphrase)
        self._passphrase = passphrase

    def remember(self, passphrase: bytes | None) -> None:
        """The keys were sealed anew by this passphrase; None: they are not sealed any more."""
        self._passphrase = passphrase

    def new_key(self, label: str) -> PrivateKey:
        """A key for a new CA; in a home whose keys are in a token, made there. label: what it is called there."""
        place = token.place_of(self.server.key) if self.keeping == "token" else None
        if place is None:
            return PrivateKey.generate()
        return token.generate_key(replace(place, label=label), self._passphrase_once)

    def add(self, name: str, authority: Authority) -> None:
        """Write a new CA. Raises OSError."""
        self.replace(self.files_of(name, authority))
        self._loaded[name] = authority  # or its key would be unsealed at once, which takes its time

    def files_of(self, name: str, authority: Authority) -> dict[str, bytes]:
        """The two files of a new CA, for `replace`: its certificate, and its key as this home keeps keys.

        Raises TrustError when the keys are sealed, and nobody gives the passphrase.
        """
        place = token.place_of(authority.key)
        if place is not None:
            key = f"{place}\n".encode()
        elif self.keeping == "sealed":
            if self.has_key(SERVER_CA):
                _ = self.server  # now the passphrase is known, and it is the right one
            key = sealing.seal(authority.key, self._passphrase_of(f"{name}.key"))
        else:
            key = authority.key_pem()
        return {f"{name}.key": key, f"{name}.pem": authority.certificate.pem}

    def files_to_retire(self, name: str) -> dict[str, bytes]:
        """What `replace` is to write when the CA of this name is to sign no certificates any more: a copy of its two
        files in retired/. The key stays as it is kept; the root's may be away, and then there is nothing to retire."""
        if name == ROOT and not self.has_key(ROOT):
            return {}
        der = self.certificate(name)
        key = vault.read_private(self._existing(self.key_file(name)))
        stem = f"{_RETIRED}/{subject_key_id(der)}"
        return {f"{stem}.pem": _split_pem(self._pem(name))[0], f"{stem}.key": key}

    def all_of(self, name: str, *more: Authority) -> bytes:
        """NAME.pem with other certificates in front: for `replace`."""
        return b"".join(each.certificate.pem for each in more) + self._pem(name)

    def newest_of(self, name: str) -> bytes:
        """NAME.pem without all but the newest: for `replace`."""
        return _split_pem(self._pem(name))[0]

    def replace(self, files: Mapping[str, bytes], *, remove: Iterable[str] = ()) -> None:
        """Change several files as one: all of them, or none. Names are within the folder. Raises OSError."""
        together.replace_together(self.directory, files, remove=remove)
        self.forget()

    def is_unfinished(self) -> bool:
        """Whether somebody was killed while he changed something; then `finish`."""
        return together.is_unfinished(self.directory)

    def finish(self) -> None:
        """Finish what somebody has begun. Raises OSError."""
        together.finish(self.directory)
        self.forget()

    # --- inside

    def _place(self, name: str, key_file: bytes) -> token.Place:
        """Where a key is. A library in the home is not loaded: a backup that somebody else has made could bring both,
        the file that names it and its code."""
        place = token.read_place(key_file)
        if Path(place.module).resolve().is_relative_to(self.directory.parent.resolve()):
            raise TrustError(
                f"ca/{name}.key names a PKCS#11 library that lies in the home",
                why="a backup could have brought it, and its code would run",
                remedy="install the library where root alone can write",
            )
        return place

    def _unseal(self, name: str, key_file: bytes) -> PrivateKey:
        passphrase = self._passphrase_of(f"{name}.key")
        try:
            return sealing.unseal(key_file, passphrase)
        except TrustError as error:
            self._passphrase = None
            raise TrustError(
                f"the passphrase does not open ca/{name}.key",
                why=error.why,
                remedy="say the one with which it was sealed: see sealmq ca encrypt --help",
            ) from None

    def _passphrase_of(self, file: str) -> bytes:
        passphrase = self._passphrase_once()
        if passphrase is None:
            raise TrustError(f"ca/{file} is sealed by a passphrase, and nobody gave it", remedy=REMEDY)
        return passphrase

    def _passphrase_once(self) -> bytes | None:
        if self._passphrase is None:
            self._passphrase = self._ask()
        return self._passphrase

    def _pem(self, name: str) -> bytes:
        return self._existing(self.certificate_file(name)).read_bytes()

    def _existing(self, path: Path) -> Path:
        if not path.exists():
            home = self.directory.parent
            raise HomeError(
                f"the home {home} is not whole: {path.relative_to(home)} is missing",
                remedy="put the latest backup of the home in its place",
            )
        return path


def _split_pem(pem: bytes) -> list[bytes]:
    end = b"-----END CERTIFICATE-----"
    parts = [part + end + b"\n" for part in pem.split(end)[:-1]]
    if not parts:
        raise TrustError("the file holds no certificate that can be read")
    return [part[part.index(b"-----BEGIN") :] for part in parts]
