"""The CAs of a home: the one place that knows the folder HOME/ca.

    root.pem              what a client must trust; two certificates while a new root comes in, the newest first
    server-ca.pem         the Server CA; signs the broker's certificate
    device-ca.pem         the Device CAs whose devices are let in, the newest first: it signs, the others only revoke
    claim-ca.pem          the Claim CA, where there is one; signs what may ask for a device certificate, and no more
    NAME.key              the key of the newest of each; the root's may be away
    retired/KEY_ID.pem    a CA that signs no certificates any more, with its .key: its CRLs are still needed

Rule 1: a key is read when somebody needs it, and once. What only needs certificates never touches a key.
Rule 2: what belongs together changes together (together.py): a certificate and its key, or all the keys.

Whoever changes something holds the lock on the home.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from sealmq.errors import HomeError, TrustError
from sealmq.pki import together, vault
from sealmq.pki.authority import Authority, certificates_of
from sealmq.pki.peer import subject_key_id

ROOT = "root"
SERVER_CA = "server-ca"
DEVICE_CA = "device-ca"
CLAIM_CA = "claim-ca"

NAMES = (ROOT, SERVER_CA, DEVICE_CA, CLAIM_CA)
"""The CAs of a home, by the names of their files."""

_NEEDED = (ROOT, SERVER_CA, DEVICE_CA)  # certificates without which a home is not whole; older homes have no Claim CA
_KEYS_NEEDED = (SERVER_CA, DEVICE_CA)  # not the root's: it may be taken away, and kept in a drawer
_RETIRED = "retired"


class Authorities:
    """The CAs in one folder. Making this object looks at nothing.

    directory: HOME/ca.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._loaded: dict[Path, Authority] = {}

    # --- the CAs, with their keys. Each raises HomeError when a file is missing, TrustError when one can't be used.

    @property
    def root(self) -> Authority:
        """The root CA. HomeError where its key is away."""
        return self._load(self.directory / ROOT)

    @property
    def server(self) -> Authority:
        """The Server CA: what the broker's certificate comes from."""
        return self._load(self.directory / SERVER_CA)

    @property
    def device(self) -> Authority:
        """The newest Device CA: what device certificates come from."""
        return self._load(self.directory / DEVICE_CA)

    @property
    def claim(self) -> Authority:
        """The Claim CA. HomeError where there is none yet."""
        return self._load(self.directory / CLAIM_CA)

    def retired(self, key_id: str) -> Authority:
        """A CA that signs no certificates any more, by its key identifier: for its CRLs."""
        return self._load(self.directory / _RETIRED / key_id)

    def retired_key_ids(self) -> list[str]:
        """The key identifiers of the CAs that are retired."""
        return sorted(path.stem for path in (self.directory / _RETIRED).glob("*.pem"))

    def forget(self) -> None:
        """Read everything anew from here on: somebody has changed the folder."""
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

    # --- which files are there

    def certificate_file(self, name: str) -> Path:
        """Where the certificates of one of NAMES are."""
        return self.directory / f"{name}.pem"

    def key_file(self, name: str) -> Path:
        """Where the key of one of NAMES is."""
        return self.directory / f"{name}.key"

    def has(self, name: str) -> bool:
        """Whether there is such a CA."""
        return self.certificate_file(name).exists()

    def has_key(self, name: str) -> bool:
        """Whether its key is here."""
        return self.key_file(name).exists()

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

    def files_of(self, name: str, authority: Authority) -> dict[str, bytes]:
        """The two files of a new CA, for `replace`: its certificate, and its key as this home keeps keys."""
        return {f"{name}.key": authority.key_pem(), f"{name}.pem": authority.certificate.pem}

    def files_to_retire(self, name: str) -> dict[str, bytes]:
        """What `replace` is to write when the CA of this name is to sign no certificates any more: a copy of its two
        files in retired/. The key stays as it is kept."""
        der = self.certificate(name)
        pem = next(iter(_split_pem(self._pem(name))))
        key = vault.read_private(self._existing(self.key_file(name)))
        stem = f"{_RETIRED}/{subject_key_id(der)}"
        return {f"{stem}.pem": pem, f"{stem}.key": key}

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

    def _load(self, stem: Path) -> Authority:
        if stem not in self._loaded:
            certificate = self._existing(stem.with_name(f"{stem.name}.pem")).read_bytes()
            key = self._existing(stem.with_name(f"{stem.name}.key"))
            self._loaded[stem] = Authority.load(certificate, vault.read_private(key))
        return self._loaded[stem]

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
