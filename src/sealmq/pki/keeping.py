"""How the keys of the CAs are kept, changed: sealed by a passphrase, opened, moved into a token, taken away.

Rule 1: nothing is given up before what takes its place was read back and has proved to be the same key.
Rule 2: all keys of a home change together, or none (together.py).

What is overwritten or removed here may still be on the disk: in the file system's free blocks, in backups, in what a
restore has replaced. `older_copies` finds the last of these.

Whoever calls one of these holds the lock on the home. `record` is told the names of the keys before they change: what
cannot be recorded is not done.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from sealmq.errors import HomeError, TrustError
from sealmq.pki import sealing, token, vault
from sealmq.pki.authorities import ROOT, Authorities, kept_as
from sealmq.pki.authority import Authority, certificates_of
from sealmq.pki.keys import PrivateKey
from sealmq.pki.passphrase import Ask
from sealmq.pki.peer import identify_certificate, public_key_of

_LARGEST = 64 * 1024  # bytes that are read of a root's file
_KEY_BLOCK = re.compile(rb"-----BEGIN (?:ENCRYPTED )?PRIVATE KEY-----.*?-----END (?:ENCRYPTED )?PRIVATE KEY-----", re.S)


Record = Callable[[Iterable[str]], None]


def _unrecorded(names: Iterable[str]) -> None:
    pass


def seal_keys(authorities: Authorities, passphrase: bytes, record: Record = _unrecorded) -> list[str]:
    """Seal every key of the home, or seal it by another passphrase; returns their names.

    Raises TrustError when the passphrase is too short, when the keys can't be read or are in a token; OSError.
    """
    sealing.check_passphrase(passphrase)
    files, names = {}, _names_of_files(authorities)
    for name in names:
        key = authorities.load(name).key
        files[f"{name}.key"] = sealing.seal(key, passphrase)
        _check_same(key, sealing.unseal(files[f"{name}.key"], passphrase))
    record(names)
    authorities.replace(files)
    authorities.remember(passphrase)
    return names


def unseal_keys(authorities: Authorities, record: Record = _unrecorded) -> list[str]:
    """Keep every key of the home without a passphrase; returns their names. Raises TrustError, OSError."""
    names = _names_of_files(authorities)
    files = {f"{name}.key": authorities.load(name).key.pem() for name in names}
    record(names)
    authorities.replace(files)
    authorities.remember(None)
    return names


def move_to_token(
    authorities: Authorities, place: token.Place, ask: Ask, record: Record = _unrecorded
) -> list[token.Place]:
    """Put every key of the home into a token, and keep of each only where it is; returns that.

    The keys are imported, so that the CA stays what it is and no device notices. A key that has never been outside a
    token is what a new CA gets in such a home (`Authorities.new_key`).

    place: module, token, and where the PIN comes from. ask: gives the PIN when `place` does not say.
    Raises TrustError when a key can't be read, when the token refuses one or does not sign with it; OSError. Then the
    home is as it was; what is in the token already is taken by the next try.
    """
    places, files, names = [], {}, _names_of_files(authorities)
    for name in names:
        authority = authorities.load(name)
        wanted = replace(place, label=authority.common_name, id=bytes.fromhex(authority.key_id))
        moved = token.place_of(token.put_key(wanted, authority.key, ask))
        assert moved is not None
        files[f"{name}.key"] = f"{moved}\n".encode()
        _check_same(authority.key, token.load_key(token.read_place(files[f"{name}.key"]), authority.key.public, ask))
        places.append(moved)
    record(names)
    authorities.replace(files)
    authorities.remember(None)
    return places


def export_root(authorities: Authorities, file: Path, passphrase: bytes, record: Record = _unrecorded) -> list[str]:
    """Write the root's key, sealed by a passphrase of its own, to `file`, and remove it from the home.

    The keys of older roots go with it. Everything but making a new issuing CA goes on without them.

    Returns the names of what was removed. Raises HomeError when `file` is there already or the key is not here,
    TrustError when the passphrase is too short or what was written can't be read back; OSError. Then the home still
    has its key.
    """
    sealing.check_passphrase(passphrase)
    names = [ROOT, *(name for name in authorities.names_with_keys() if name != ROOT and _is_root(authorities, name))]
    roots = [authorities.root, *map(authorities.load, names[1:])]
    if any(token.place_of(root.key) for root in roots):
        raise TrustError(
            "the root's key is in a token, and does not come out", remedy="keep that token where the file would be"
        )
    if os.path.lexists(file):
        raise HomeError(f"{file} is there already", remedy="choose another name")
    content = b"".join(sealing.seal(root.key, passphrase) + root.certificate.pem for root in roots)
    vault.write_new_private(file, content)
    try:
        written = _read_from_disk(file)
        if written != content:
            raise TrustError(f"{file} does not hold what was written", remedy="choose another disk")
        for root, block in zip(roots, _KEY_BLOCK.findall(written), strict=True):
            _check_same(root.key, sealing.unseal(block, passphrase))
        record(names)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    authorities.replace({}, remove=[f"{name}.key" for name in names])
    return names


def read_root(authorities: Authorities, file: Path, ask: Ask) -> Authority:
    """The root of this home, with the key that `export_root` wrote, or that somebody carried away as root.key.

    ask: gives the passphrase of the file. Raises TrustError when the file has no such key, or nobody opens it.
    """
    try:
        data = file.read_bytes()[:_LARGEST]  # its mode is not looked at where it is sealed: FAT has none
    except OSError as error:
        raise TrustError(f"{file} cannot be read", why=error.strerror or "") from error
    certificate = certificates_of(authorities.roots_pem)[0]
    wanted = public_key_of(certificate)
    passphrase: bytes | None = None
    for block in _KEY_BLOCK.findall(data):
        if kept_as(block) == "sealed":
            passphrase = passphrase or ask()
            if passphrase is None:
                raise TrustError(
                    f"{file} is sealed by a passphrase, and nobody gave it", remedy="--root-passphrase-file FILE"
                )
            key = sealing.unseal(block, passphrase)
        else:
            vault.check_private(file)
            key = PrivateKey.from_pem(block)
        if key.public == wanted:
            return Authority.with_key(authorities.roots_pem, key)
    name = identify_certificate(certificate).common_name
    raise TrustError(f"{file} does not hold the key of '{name}'", remedy="name the file that has it")


def older_copies(home: Path) -> list[Path]:
    """Keys that lie open in what a restore has replaced."""
    return [
        path
        for path in sorted(home.glob(".replaced*/ca/**/*.key"))
        if not path.is_symlink() and kept_as(path.read_bytes()) == "plain"
    ]


def _names_of_files(authorities: Authorities) -> list[str]:
    names = authorities.names_with_keys()
    if any(kept_as(vault.read_private(authorities.key_file(name))) == "token" for name in names):
        raise TrustError(
            "the keys are in a token, and do not come out",
            why="a token is there to keep them",
            remedy="the token has its own PIN; its own program changes it",
        )
    return names


def _is_root(authorities: Authorities, name: str) -> bool:
    der = certificates_of(authorities.certificate_file(name).read_bytes())[0]
    return identify_certificate(der).authority_key_id == ""  # ROOT in profiles.py: a root names no other key


def _check_same(key: PrivateKey, copy: PrivateKey) -> None:
    if not copy.proves(key.public):
        raise TrustError("what was written is not the key that was read", why="the disk or the memory is at fault")


def _read_from_disk(path: Path) -> bytes:
    """Read a file that is on the disk, and not what is remembered of its writing."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        return file.read()
