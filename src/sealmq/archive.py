"""A home in one file, and back: what `sealmq backup` writes and `sealmq restore` reads.

    manifest.json     format, time, and the SHA-256 of every other file
    sealmq.toml, sealmq.db, messages.db, audit.jsonl, ca/, broker/, devices/

Rule 1: a backup is whole or not there. It is written beside its place, read back, checked, and moved there.
Rule 2: it holds private keys: 0600 from its first byte on, and everything that is made on the way too.
Rule 3: nothing that comes out of an archive is believed: names are compared with what a home has, contents with the
        manifest, databases and keys are opened, before anything of it takes the place of anything.
Rule 4: a restore can be killed at any moment. Until HOME/.restored is there, nothing has happened; from then on it is
        finished by whoever opens the home next. What it replaces is kept in HOME/.replaced.

Databases are copied with SQLite's own online backup, so that both commands work while a broker runs; see
`is_waiting` for how a running broker learns of a restore.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import re
import secrets
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, NamedTuple

from sealmq import config
from sealmq.database import check_database, copy_database
from sealmq.devices import schema as registry_schema
from sealmq.devices.lock import locked_directory
from sealmq.devices.trail import FILE_NAME as TRAIL
from sealmq.devices.trail import Trail
from sealmq.errors import Error, HomeError
from sealmq.pki import vault
from sealmq.pki.authorities import kept_as
from sealmq.pki.authority import certificates_of
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import identify_certificate
from sealmq.pki.sealing import check_sealed
from sealmq.pki.together import finish
from sealmq.pki.token import read_place
from sealmq.store import schema as store_schema

FORMAT = 1
_MANIFEST = "manifest.json"
_MANIFEST_LENGTH = 16 * 1024 * 1024
_LATEST = 253_402_300_799.0  # Unix seconds: the end of the year 9999, behind which no calendar goes
_UPDATE = "update SealMQ, then try again"
_CHUNK = 1024 * 1024
_UNPACKING = ".restoring"
_WAITING = ".restored"
_REPLACED = ".replaced"
_MOVED = ".moved"  # in _WAITING: what was there before is out of the way
# ca/ last: it is what makes a home.
_ENTRIES = ("sealmq.toml", "sealmq.db", "messages.db", TRAIL, "broker", "devices", "ca")
_COPIED = ("sealmq.db", "messages.db", TRAIL)  # in their own way
_BESIDE = tuple(f"{name}{suffix}" for name in ("sealmq.db", "messages.db") for suffix in ("-wal", "-shm", "-journal"))
_PART = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}"
_IN_A_HOME = re.compile(
    rf"sealmq\.toml|sealmq\.db|messages\.db|audit\.jsonl|(?:ca(?:/retired)?|broker)/{_PART}|devices/{_PART}/{_PART}"
)

# What reading an archive raises that was written by somebody who wants it to raise something.
_ANOTHER_FILE = "name a file that `sealmq backup` wrote, and a sound copy of it"

_NO_ARCHIVE = (
    tarfile.TarError,
    zlib.error,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    OverflowError,
    RecursionError,
    UnicodeError,
)


class Backup(NamedTuple):
    """What an archive says of itself. made: Unix seconds."""

    made: float
    files: dict[str, str]


# -- backup ----------------------------------------------------------------------------------------------------------


def write_backup(home: Path, file: Path, *, now: float) -> Backup:
    """Write the home as it is at this moment to `file`, and read it back. `now` in Unix seconds.

    Raises HomeError when it cannot be done; then `file` is not there.
    """
    file = file.expanduser().absolute()
    with disk_failures_in_words(f"{file} was not written"):
        if os.path.lexists(file):
            raise _is_there(file)
        with _workplace(file) as work:
            backup = Backup(now, _gather(home, work))
            part = work / "archive"
            _pack(work / "home", part, backup)
            read_backup(part, work / "again")
            _move(part, file)
            vault.sync_directory(file.parent)
    return backup


@contextmanager
def _workplace(file: Path) -> Iterator[Path]:
    """A folder beside the file, for its owner alone. What a killed backup left, keys among it, goes first."""
    for left in file.parent.glob(f".{glob.escape(file.name)}.{'[0-9a-f]' * 8}.part"):
        _remove_leftover(left)
    work = file.parent / f".{file.name}.{secrets.token_hex(4)}.part"
    vault.make_private_directory(work)
    descriptor = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        os.close(descriptor)


def _remove_leftover(work: Path) -> None:
    """Unless it is somebody else's, or a backup that runs."""
    try:
        descriptor = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if os.fstat(descriptor).st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(work, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)


def _move(part: Path, file: Path) -> None:
    """Never over anything, however late it came; but where a file cannot have two names (FAT) it is looked for once."""
    try:
        os.link(part, file)
    except FileExistsError:
        raise _is_there(file) from None
    except OSError:
        if os.path.lexists(file):
            raise _is_there(file) from None
        part.rename(file)


def _is_there(file: Path) -> HomeError:
    return HomeError(f"{file} is there already", remedy="choose another name for the backup")


def _gather(home: Path, work: Path) -> dict[str, str]:
    """Copy what belongs to the home into work/home; name -> SHA-256."""
    copy = work / "home"
    vault.make_private_directory(copy)
    # Messages first: what was revoked behind them is then in the registry, and ends their sessions after a restore.
    if (home / "messages.db").exists():
        copy_database(home / "messages.db", copy / "messages.db")
    trail = _Trail(home / TRAIL)
    with locked_directory(home), locked_directory(home / "devices"):  # nobody is adding a device or renewing the broker
        finish(home / "ca")
        copy_database(home / "sealmq.db", copy / "sealmq.db", at=trail.moment())
        trail.copy(copy / TRAIL)
        for source in sorted(home.rglob("*")):
            name = source.relative_to(home).as_posix()
            if source.is_file() and not _leads_away(source) and _IN_A_HOME.fullmatch(name) and name not in _COPIED:
                _write(copy / name, source.read_bytes())
    return {path.relative_to(copy).as_posix(): _digest(path) for path in sorted(copy.rglob("*")) if path.is_file()}


def _leads_away(path: Path) -> bool:
    """Is it a link to what is not in its own folder? Those of a renewed bundle are (renewal/slots.py)."""
    return path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve())


class _Trail:
    """The audit trail as it was when the registry was copied, while a broker goes on to issue: with more of it the copy
    would look like one whose registry was rolled back, with less like one that hides something."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._length = 0

    @contextmanager
    def moment(self) -> Iterator[None]:
        with Trail(self._path).held() as self._length:
            yield

    def copy(self, target: Path) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file, _create(target) as copy:
            while self._length and (chunk := file.read(min(_CHUNK, self._length))):
                copy.write(chunk)
                self._length -= len(chunk)


def _pack(copy: Path, part: Path, backup: Backup) -> None:
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    manifest = json.dumps({"format": FORMAT, "made": backup.made, "files": backup.files}, indent=1).encode()
    _write(copy.parent / _MANIFEST, manifest)
    with os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6, format=tarfile.PAX_FORMAT) as archive:
            archive.add(copy.parent / _MANIFEST, _MANIFEST, filter=_plain)
            for name in backup.files:
                archive.add(copy / name, name, filter=_plain)
        file.flush()
        os.fsync(file.fileno())


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nobody's name and number goes into it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


# -- reading ---------------------------------------------------------------------------------------------------------


def read_backup(file: Path, into: Path) -> Backup:
    """Unpack an archive into the folder `into`, which is made, and check that it is a whole home.

    Raises HomeError when it is not. What was unpacked stays in `into`, for the caller to use or to remove.
    """
    vault.make_private_directory(into)
    try:
        with tarfile.open(file, "r:gz") as archive:
            backup = _unpack(archive, into)
    except _NO_ARCHIVE as error:
        raise HomeError(f"{file} is damaged, or no backup of ours", why=str(error), remedy=_ANOTHER_FILE) from error
    except OSError as error:
        if error.filename is None and error.errno is None:  # gzip's own
            raise HomeError(f"{file} is damaged, or no backup of ours", why=str(error), remedy=_ANOTHER_FILE) from error
        raise
    try:
        check_files(into)
    except HomeError as error:
        raise HomeError(
            f"{file} holds no whole home",
            why=f"{error.what}{f': {error.why}' * bool(error.why)}",
            remedy=_UPDATE if "newer" in error.what else "",
        ) from error
    return backup


def _unpack(archive: tarfile.TarFile, into: Path) -> Backup:
    first = archive.next()
    if first is None or first.name != _MANIFEST or not first.isreg() or first.size > _MANIFEST_LENGTH:
        raise ValueError("it does not begin with a manifest")
    manifest = json.loads(_content(archive, first).read())
    number = int(manifest["format"])
    if number > FORMAT:
        raise HomeError(
            "the backup was written by a newer SealMQ",
            why=f"its format is {number}, this one knows up to {FORMAT}",
            remedy=_UPDATE,
        )
    backup = Backup(float(manifest["made"]), dict(manifest["files"]))
    if not 0 <= backup.made <= _LATEST:
        raise ValueError("it was made at no time")
    missing = dict(backup.files)
    while (member := archive.next()) is not None:
        if not member.isreg() or not _IN_A_HOME.fullmatch(member.name) or member.name not in missing:
            raise ValueError(f"there is {member.name!r} in it")
        content = _content(archive, member)
        digest = sha256()
        with _create(into / member.name) as target:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        if digest.hexdigest() != missing.pop(member.name):
            raise ValueError(f"{member.name} is not what the manifest says")
    if missing:
        raise ValueError(f"{next(iter(missing))} is missing")
    return backup


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(member)
    if content is None:
        raise ValueError(f"{member.name} has no content")
    return content


def check_files(home: Path) -> None:
    """Look through a home that nobody uses: both databases, every key with its certificate, the configuration.

    Raises HomeError.
    """
    check_database(
        home / "sealmq.db", application_id=registry_schema.APPLICATION_ID, newest=len(registry_schema.MIGRATIONS)
    )
    if (home / "messages.db").exists():
        check_database(
            home / "messages.db", application_id=store_schema.APPLICATION_ID, newest=len(store_schema.MIGRATIONS)
        )
    try:
        for stem in ("root", "server-ca", "device-ca", "claim-ca"):
            needed = stem in ("server-ca", "device-ca")
            _check_pair(home / "ca" / f"{stem}.key", home / "ca" / f"{stem}.pem", needed=needed)
        for retired in sorted((home / "ca" / "retired").glob("*.pem")):
            _check_pair(retired.with_suffix(".key"), retired, needed=False)
        _check_pair(home / "broker" / "broker.pem", home / "broker" / "broker.pem", needed=False)
        for device in sorted((home / "devices").glob("*")):
            _check_pair(device / "device.key", device / "device-chain.pem", needed=False)
        # Its end alone: of a chain that was broken before, a backup is still worth having. `sealmq log verify` tells.
        Trail(home / TRAIL).check_end()
        if (home / "sealmq.toml").exists():
            config.load(home / "sealmq.toml")
    except OSError as error:
        raise HomeError(f"{error.filename} cannot be read", why=error.strerror or "") from error
    except HomeError:
        raise
    except Error as error:
        raise HomeError(error.what, why=error.why) from error


def _check_pair(key: Path, certificate: Path, *, needed: bool) -> None:
    """A key may be away (in a drawer, on its device, in a token), but not wrong; a sealed one is looked at as far as
    can be done without its passphrase: a backup needs none."""
    if not needed and not key.exists():
        return
    content = vault.read_private(key)
    match kept_as(content):
        case "token":
            read_place(content)
            return
        case "sealed":
            check_sealed(content)
            return
    public = PrivateKey.from_pem(content).public.spki_sha256
    if identify_certificate(certificates_of(certificate.read_bytes())[0]).spki_sha256 != public:
        raise HomeError(f"{key.name} and {certificate.name} do not belong together")


# -- restore ---------------------------------------------------------------------------------------------------------


def prepare_restore(file: Path, home: Path) -> Backup:
    """Put what is in the archive beside what is in the home, so that `finish_restore` can swap them.

    Raises HomeError when the archive is not whole, or the disk is at fault; then nothing has changed.
    """
    with disk_failures_in_words(f"{home} was not restored"):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked_directory(home):
            if is_waiting(home):
                raise HomeError(f"{home} is being restored already", remedy="try again in a minute")
            unpacking = home / _UNPACKING
            shutil.rmtree(unpacking, ignore_errors=True)
            try:
                backup = read_backup(file, unpacking)
                _sync_tree(unpacking)
                _make_way(home)
                # From here on it is done, whoever is killed.
                unpacking.rename(home / _WAITING)
                vault.sync_directory(home)
            except BaseException:
                shutil.rmtree(unpacking, ignore_errors=True)
                raise
    return backup


def is_waiting(home: Path) -> bool:
    """Has a restore been prepared that nobody has finished? A running broker asks four times a second: it ends its
    links, lets go of the databases, and finishes it."""
    return (home / _WAITING).is_dir()


def finish_restore(home: Path) -> None:
    """Swap what was prepared with what is there. The caller is the home's only user. Can be killed and called again."""
    waiting, replaced = home / _WAITING, home / _REPLACED
    if not is_waiting(home):
        return
    with disk_failures_in_words(f"the restore of {home} is not finished"):
        if not (waiting / _MOVED).exists():
            replaced.mkdir(mode=0o700, exist_ok=True)
            # A database's log must never meet another database; so everything old is away before anything new comes.
            with _nobody_adds_devices(home):
                for name in (*_BESIDE, *_ENTRIES):
                    if (home / name).exists():
                        (home / name).rename(replaced / name)
            vault.sync_directory(replaced)
            vault.sync_directory(home)
            vault.write_public(waiting / _MOVED, b"")
        for name in _ENTRIES:
            if (waiting / name).exists():
                (waiting / name).rename(home / name)
        vault.sync_directory(home)
        # In one step it is over; what is left of it in the folder is cleared now, or by the next restore.
        waiting.rename(home / _UNPACKING)
        vault.sync_directory(home)
        shutil.rmtree(home / _UNPACKING, ignore_errors=True)


@contextmanager
def _nobody_adds_devices(home: Path) -> Iterator[None]:
    if not (home / "devices").exists():
        yield
        return
    with locked_directory(home / "devices"):
        yield


def _make_way(home: Path) -> None:
    """What an earlier restore replaced is kept under a number."""
    number = 1
    while (home / f"{_REPLACED}-{number}").exists():
        number += 1
    if (home / _REPLACED).exists():
        (home / _REPLACED).rename(home / f"{_REPLACED}-{number}")


# -- files -----------------------------------------------------------------------------------------------------------


def _is_private(name: str) -> bool:
    """Whatever is not known to be public: somebody may have kept an old key under another name."""
    return not name.endswith((".pem", ".toml")) or name == "broker.pem"


@contextmanager
def _create(path: Path) -> Iterator[IO[bytes]]:
    for folder in reversed(path.relative_to(path.anchor).parents):
        made = Path(path.anchor) / folder
        if not made.exists():
            vault.make_private_directory(made)
    mode = 0o600 if _is_private(path.name) else 0o644
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        yield file


def _write(path: Path, content: bytes) -> None:
    with _create(path) as file:
        file.write(content)


def _digest(path: Path) -> str:
    with path.open("rb") as file, closing(file):
        digest = sha256()
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _sync_tree(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        if path.is_dir():
            vault.sync_directory(path)


@contextmanager
def disk_failures_in_words(what: str, where: str = "") -> Iterator[None]:
    """Raise HomeError in place of an OSError. what: what was not done; where: how to choose another folder."""
    try:
        yield
    except OSError as error:
        raise HomeError(
            what,
            why=f"{error.filename or 'the disk'}: {error.strerror or error}",
            remedy=f"make room, or choose a folder that you may write to{where}",
        ) from error
