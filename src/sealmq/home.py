"""The home: the folder in which one SealMQ keeps its CA, registry, sessions and configuration.

    HOME/sealmq.toml                 the configuration (config.py)
    HOME/sealmq.db                   the registry
    HOME/messages.db                 sessions, their messages, retained messages
    HOME/audit.jsonl                 the audit trail (devices/trail.py)
    HOME/ca/                         the CAs and their keys (pki/authorities.py)
    HOME/ca/root.pem                 the one file that a client must trust
    HOME/broker/broker.pem           the broker's key, certificate and Server CA
    HOME/devices/NAME/               root.pem, device.pem, device-chain.pem, device.key; with a PSK psk.txt alone
    HOME/sealmq.pid                  locked while a broker runs
    HOME/.replaced/                  what a `sealmq restore` took the place of

Rule 1: a home is there whole or not at all. It is built in a hidden folder inside its place and moved out entry by
        entry, ca/ last: a folder without ca/ is no home, and what a killed `create` left in it is cleared by the next.
        (Inside, and not beside: the parent folder is often somebody else's, as with /var/lib or a mounted volume.)
Rule 2: the broker's key and certificate are one file, so that they change in one rename and can never be a pair that
        does not match.
Rule 3: a key that others can read stops everything, with the command that repairs it.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Self

import platformdirs

from sealmq import archive
from sealmq.broker.certificate_requests import RENEW_AT
from sealmq.bundle import KEY_FILE
from sealmq.devices import trail
from sealmq.devices.claims import Claims
from sealmq.devices.confirming import confirm
from sealmq.devices.enrollment import Enrollment, check_name, operator
from sealmq.devices.founding import ensure_claim_authority, found_authorities
from sealmq.devices.listing import revoked_names
from sealmq.devices.lock import locked_directory
from sealmq.devices.outcomes import EnrollmentPolicy
from sealmq.devices.psk_enrollment import PSKEnrollment
from sealmq.devices.records import Reservation, State
from sealmq.devices.registration import RegistrationAuthority
from sealmq.devices.registry import Registry
from sealmq.devices.revocation import Revocations
from sealmq.devices.trail import Trail
from sealmq.errors import Error, HomeError, TrustError
from sealmq.local_names import broker_names as broker_names
from sealmq.local_names import local_names as local_names
from sealmq.pki import vault
from sealmq.pki.authorities import DEVICE_CA, ROOT, Authorities
from sealmq.pki.authority import (
    Authority,
    certificates_of,
    issue_server,
    new_serial,
    revokes_nothing,
    server_common_name,
)
from sealmq.pki.keys import PrivateKey
from sealmq.pki.passphrase import who_is_asked
from sealmq.pki.peer import identify_certificate, server_names
from sealmq.pki.profiles import SERVER, ServerNames, validity
from sealmq.presence import FILE_NAME, no_broker

OPERATOR = "operator"
"""The identity of the person at the keyboard, made with the home."""

_BUILDING = ".creating"
_ENTRIES = (
    "sealmq.db",
    trail.FILE_NAME,
    "broker",
    "devices",
    "ca",
)  # in the order in which they are moved into place: ca/ last
_HARMLESS = frozenset({"sealmq.toml", FILE_NAME, "lost+found"})  # may lie in the folder before the home is made


class Home:
    """One home, by its path. Making this object looks at nothing: `Home.open` checks, `Home.create` makes."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.authorities = Authorities(self.path / "ca")
        self._registry: Registry | None = None

    # --- where things are

    @staticmethod
    def default_path() -> Path:
        """$SEALMQ_HOME, else the user's data folder."""
        chosen = os.environ.get("SEALMQ_HOME")
        return Path(chosen) if chosen else platformdirs.user_data_path("sealmq", appauthor=False)

    @property
    def configuration(self) -> Path:
        """HOME/sealmq.toml."""
        return self.path / "sealmq.toml"

    @property
    def database(self) -> Path:
        """HOME/sealmq.db."""
        return self.path / "sealmq.db"

    @property
    def messages(self) -> Path:
        """HOME/messages.db: sessions, their messages, retained messages."""
        return self.path / "messages.db"

    @property
    def audit_trail(self) -> Path:
        """HOME/audit.jsonl: what was issued and revoked, by whom and when."""
        return self.path / trail.FILE_NAME

    @property
    def root_certificate(self) -> Path:
        """The one file that a client must trust."""
        return self.authorities.certificate_file(ROOT)

    @property
    def device_ca_certificate(self) -> Path:
        """What the broker trusts: the Device CA alone."""
        return self.authorities.certificate_file(DEVICE_CA)

    @property
    def broker_chain(self) -> Path:
        """The broker's certificate and the Server CA's; the same file as `broker_key` (rule 2)."""
        return self.path / "broker" / "broker.pem"

    @property
    def broker_key(self) -> Path:
        """The broker's private key; the same file as `broker_chain` (rule 2)."""
        return self.broker_chain

    @property
    def devices_directory(self) -> Path:
        """Where each device has its folder."""
        return self.path / "devices"

    def device_directory(self, name: str) -> Path:
        """Where the files of one device are. Raises EnrollmentError when `name` can be no device's."""
        check_name(name)  # or "../ca" would be one
        return self.devices_directory / name

    # --- opening

    @staticmethod
    def is_home(path: Path) -> bool:
        """Whether `path` holds a home; it may still be damaged. Raises HomeError when nobody lets us look."""
        with _failures_in_words(f"{path} cannot be looked into"):
            path = path.expanduser()
            return (path / "ca").is_dir() or archive.is_waiting(path)  # the second: a restore was killed on its way

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a home, after checking that it is whole, that its keys are its owner's alone, that the registry opens.

        Raises HomeError when it is missing or damaged, TrustError when others can read a key. Changes nothing.
        """
        home = cls(path)
        with _failures_in_words(f"the home {home.path} cannot be opened"):
            if archive.is_waiting(home.path):
                with no_broker(home.path):
                    archive.finish_restore(home.path)
            if home.authorities.is_unfinished():
                with locked_directory(home.path):
                    home.authorities.finish()
            home._check()
        home._registry = Registry.open(home.database)
        return home

    @property
    def registry(self) -> Registry:
        """The registry; opened at the first use. Raises HomeError when it cannot be."""
        if self._registry is None:
            self._registry = Registry.open(self._existing(self.database))
        return self._registry

    def close(self) -> None:
        """Let the registry go."""
        if self._registry is not None:
            self._registry.close()
            self._registry = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @classmethod
    def revoked_in(cls, path: Path) -> frozenset[str]:
        """The names of the devices that a home calls revoked; none where there is no home that can be asked."""
        try:
            with cls.open(path) as home:
                return revoked_names(home.registry)
        except Error:
            return frozenset()

    # --- using

    def enrollment(self) -> Enrollment:
        """What adds and revokes devices. Reads the Device CA's key: TrustError when it can't be relied upon."""
        return Enrollment(
            self.registry,
            self.authorities.device,
            root=self.authorities.roots_pem,
            directory=self.devices_directory,
            trail=Trail(self.audit_trail),
            signer=self.authorities.by_key_id,
        )

    def psk_enrollment(self) -> PSKEnrollment:
        """What adds devices with a PSK. Needs no CA, and reads no key of one."""
        return PSKEnrollment(self.registry, directory=self.devices_directory, trail=Trail(self.audit_trail))

    def revocations(self) -> Revocations:
        """What takes certificates back. Reads the key of a CA only to sign a list."""
        return Revocations(
            self.registry,
            self.authorities.by_key_id,
            Trail(self.audit_trail),
            actor=operator(),
            anchors=self.authorities.anchors(),
        )

    def claims(self, now: float) -> Claims:
        """What makes claims. Reads the Claim CA's key, as `enrollment` the Device CA's. `now` in Unix seconds."""
        authority = self.claim_authority(now)
        return Claims(self.registry, authority, root=self.authorities.roots_pem, trail=Trail(self.audit_trail))

    def registration_authority(self, registry: Registry, policy: EnrollmentPolicy) -> RegistrationAuthority:
        """What decides who is enrolled and renewed, in a thread that has opened this registry for itself. Reads the
        Device CA's key, as `enrollment`."""
        authorities, trail = self.authorities, Trail(self.audit_trail)
        return RegistrationAuthority(registry, authorities.device, trail, policy, authorities.key_ids(ROOT)[0])

    @contextmanager
    def changing_authorities(self, what: str) -> Iterator[Authorities]:
        """The CAs, for one who changes them: nobody else does meanwhile. what: what was not done if the disk fails."""
        with _failures_in_words(what), locked_directory(self.path):
            yield self.authorities

    def claim_authority(self, now: float) -> Authority:
        """The Claim CA. A home from before there was one gets it now, and for that the root's key is needed.

        Raises HomeError where that key is away, TrustError when a key can't be relied upon.
        """
        with self.changing_authorities(f"no Claim CA was made in {self.path}") as authorities:
            ensure_claim_authority(self.registry, Trail(self.audit_trail), authorities, now=now)
        return self.authorities.claim

    def root_fingerprint(self) -> str:
        """SHA-256 of the root certificate, as openssl prints it: AB:CD:..."""
        return sha256(self.authorities.certificate(ROOT)).digest().hex(":").upper()

    def revocation_list(self) -> bytes | None:
        """What the CAs whose certificates are let in have revoked, DER, one list behind the other; None when that is
        nothing, or the registry lacks a list. Needs no private key.

        OpenSSL checks a list's signature in each full handshake, in a twelfth of its time; who is in none, it finds in
        an empty one no more than in none. With lists at all it wants one of each CA; the registry refuses in any case.
        """
        lists = [self.registry.crl(key_id) for key_id in self.authorities.anchors()]
        found = [each for each in lists if each is not None]
        return b"".join(found) if len(found) == len(lists) and not all(map(revokes_nothing, found)) else None

    def device_authorities(self) -> frozenset[str]:
        """The key identifiers of the CAs whose devices and claims are let in."""
        with _failures_in_words(f"{self.device_ca_certificate} cannot be read"):
            return frozenset(self.authorities.anchors())

    def ensure_broker_certificate(self, names: ServerNames, now: float, *, at_once: bool = False) -> bool:
        """Make the broker a new certificate when it needs one, or at once; returns whether it did. `now`: Unix seconds.

        It needs one when it has none, when the names are not these, or when two thirds of its life are over. The old
        one is superseded, not revoked: links that stand on it may stand. Raises TrustError when the Server CA cannot be
        relied upon, HomeError when the disk is at fault; then the old certificate is still there.
        """
        with (
            _failures_in_words(f"the broker's certificate in {self.path} was not renewed"),
            locked_directory(self.path),
        ):
            if self._broker_certificate_serves(names, now) and not at_once:
                return False
            self._issue_broker_certificate(names, now)
            return True

    def _broker_certificate_serves(self, names: ServerNames, now: float) -> bool:
        vault.remove_leftovers(self.broker_chain.parent)
        if not self.broker_chain.exists():
            return False
        pem = vault.read_private(self.broker_chain)
        try:
            der = certificates_of(pem)[0]
            certificate = identify_certificate(der)
            intact = PrivateKey.from_pem(pem).public.spki_sha256 == certificate.spki_sha256
            same_names = server_names(der) == names and pem.endswith(self.authorities.server_chain_pem)
        except TrustError:
            return False
        record = self.registry.lookup(certificate.serial)
        if record is not None and record.state is State.PENDING and record.fingerprint == "":
            # Killed between the file and the registry: the certificate is whole, so its record is finished.
            confirm(self.registry, Trail(self.audit_trail), certificate.serial, certificate.fingerprint, now=now)
            record = self.registry.lookup(certificate.serial)
        known = record is not None and record.state is State.VALID
        renew_at = certificate.not_before + (certificate.not_after - certificate.not_before) * RENEW_AT
        return intact and known and same_names and certificate.not_before <= now < renew_at

    def _issue_broker_certificate(self, names: ServerNames, now: float) -> None:
        authority = self.authorities.server
        key, serial, subject = PrivateKey.generate(), new_serial(), server_common_name(names)
        when = validity(SERVER, now, issuer=authority.certificate.validity)
        reservation = Reservation(
            serial=serial,
            subject=subject,
            profile=SERVER.name,
            authority_key_id=authority.key_id,
            not_before=when.not_before,
            not_after=when.not_after,
            spki_sha256=key.public.spki_sha256,
        )
        self.registry.abandon(SERVER.name)  # what failed or was killed before
        self.registry.reserve(reservation, now=now)
        certificate = issue_server(authority, names, key.public, serial=serial, now=now)
        # Should this step or the next fail, the serial stays pending, and the next run finds in the file whether to
        # confirm it or to give it up.
        vault.write_private(self.broker_chain, key.pem() + certificate.pem + self.authorities.server_chain_pem)
        confirm(self.registry, Trail(self.audit_trail), serial, certificate.fingerprint, now=now)

    def _check(self) -> None:
        if not self.path.is_dir() or not self.is_home(self.path):
            unfinished = (self.path / _BUILDING).exists()
            raise HomeError(
                f"there is no home in {self.path}",
                why="its making was interrupted" if unfinished else "",
                remedy=f"sealmq up --home {shlex.quote(str(self.path))}",
            )
        self.authorities.check()
        self._existing(self.database)
        for path in (self.path, self.broker_chain.parent, self.devices_directory):
            vault.check_unchanged(path)  # whoever can write here can put another CA or registry in its place
        for path in (self.database, self.configuration):
            if path.exists():
                vault.check_unchanged(path)
        for key in (self.broker_key, self.devices_directory / OPERATOR / KEY_FILE):
            if key.exists():
                vault.check_private(key)

    def _existing(self, path: Path) -> Path:
        if not path.exists():
            raise HomeError(
                f"the home {self.path} is not whole: {path.relative_to(self.path)} is missing",
                remedy="put the latest backup of the home in its place",
            )
        return path

    # --- making

    @classmethod
    def create(cls, path: Path, *, organization: str, country: str, names: ServerNames, now: float) -> Self:
        """Make a home: CAs, the broker's certificate, the registry, the operator's identity; and open it.

        organization, country: what the CAs are called. names: what the broker is called. now: Unix seconds.
        Where a passphrase was put for it (pki/passphrase.py), the CAs' keys are sealed from the first byte on.

        The folder may exist when it is empty, but for a sealmq.toml. When somebody else makes the same home at this
        moment, this waits and opens that one.

        Raises HomeError when there is something in its place, or the disk is at fault; TrustError when a name cannot
        stand in a certificate. Then nothing is left behind.
        """
        home = cls(path)
        if cls.is_home(home.path):
            remedy = f"sealmq up --home {shlex.quote(str(home.path))}"
            raise HomeError(f"{home.path} is a home already", remedy=remedy)
        words = _failures_in_words(f"no home could be made in {home.path}")
        with words, _new_directory(home.path), locked_directory(home.path):
            if not cls.is_home(home.path):  # else somebody was faster, while this waited for the lock
                home._make(organization, country, names, now)
        return cls.open(home.path)

    def _make(self, organization: str, country: str, names: ServerNames, now: float) -> None:
        building = self.path / _BUILDING
        here = {entry.name for entry in self.path.iterdir()} - _HARMLESS
        if building.exists():  # a killed `create`: without ca/, what it moved is nobody's home
            here -= {*_ENTRIES, _BUILDING}
        if here:
            raise HomeError(
                f"{self.path} is not empty, and no home",
                why=f"there is {', '.join(sorted(here)[:3])} in it",
                remedy="choose another folder with --home",
            )
        self._clear()
        self.path.chmod(0o700)
        try:
            vault.make_private_directory(building)
            _furnish(building, organization, country, names, now)
            for entry in _ENTRIES:
                if (building / entry).exists():
                    (building / entry).rename(self.path / entry)
            vault.sync_directory(self.path)
        except BaseException:
            if not self.is_home(self.path):
                self._clear()
            raise
        building.rmdir()

    def _clear(self) -> None:
        """Remove what `_make` made; its own folder last, because it is the sign that the rest may be removed."""
        for entry in (*_ENTRIES, _BUILDING):
            path = self.path / entry
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()


def _furnish(directory: Path, organization: str, country: str, names: ServerNames, now: float) -> None:
    """Put everything that a home has into an empty directory."""
    home = Home(directory)
    passphrase = who_is_asked().given()  # nobody is asked: who wants sealed keys puts one there, or seals them later
    if passphrase is not None:
        home.authorities.seal_with(passphrase)
    vault.make_private_directory(directory / "ca")
    vault.make_private_directory(home.broker_chain.parent)
    vault.make_private_directory(home.devices_directory)
    with Registry.open(home.database) as registry:
        home._registry = registry
        trail = Trail(home.audit_trail)
        found_authorities(registry, trail, home.authorities, organization=organization, country=country, now=now)
        home.ensure_broker_certificate(names, now)
        for authority in (home.authorities.device, home.authorities.claim):
            home.revocations().sign_list(authority, now=now)  # an empty one: whoever asks finds one from the first day
        home.enrollment().add_device(OPERATOR, role=OPERATOR, now=now)


@contextmanager
def _new_directory(path: Path) -> Iterator[None]:
    """Make the folder and its missing parents; when the body fails, those that were made go again."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):  # one by one: `parents=True` would give the parents what the umask says
            folder.mkdir(mode=0o700, exist_ok=True)
        yield
    except BaseException:
        for folder in missing:
            try:
                folder.rmdir()  # only when it is empty
            except OSError:
                break
        raise


def _failures_in_words(what: str) -> AbstractContextManager[None]:
    return archive.disk_failures_in_words(what, where=" with --home")
