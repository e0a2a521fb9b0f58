"""Writing a bundle: into a folder or a .zip, whole or not at all.

Rule 1: a folder is written beside its place under a hidden name, read back, and renamed into it; so is a .zip.
Rule 2: folders are 0700, files with a key and every .zip are 0600, the rest is 0644 (pki/vault.py writes them all).
Rule 3: what is there is kept, unless told otherwise; then it is replaced only once the new one is whole.
"""

from __future__ import annotations

import io
import secrets
import shutil
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sealmq.devices.bundles.bundle import Bundle
from sealmq.devices.bundles.manifest import MANIFEST, check_against_manifest
from sealmq.devices.bundles.target import File
from sealmq.errors import BundleError
from sealmq.pki import vault

HALF_WRITTEN: Final = ".sealmq-bundles."
"""Hidden folders in which many bundles are written begin so."""

_ZIP_EPOCH = 1980  # years before it can't be said in a .zip


def write_bundle(bundle: Bundle, place: Path, *, now: float, force: bool = False) -> None:
    """Write a bundle to `place`: a .zip when its name ends so, else a folder. `now` in Unix seconds dates a .zip.

    force: whether what is at `place` may be replaced. Raises BundleError when it may not, or the disk is at fault.
    """
    check_place(place, force=force)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.suffix == ".zip":
            vault.write_private(place, _zipped(bundle, now))
        else:
            _write_folder(bundle, place)
    except OSError as error:
        raise BundleError(
            f"the bundle cannot be written to {place}", why=error.strerror or str(error), remedy="choose another --out"
        ) from error


def write_bundles(bundles: Sequence[tuple[Bundle, Path]], out: Path) -> None:
    """Write many bundles into folders of `out`, and wait for the disk once. Raises BundleError when one is there
    already, or the disk is at fault; then none is there that was not before."""
    new = out / f"{HALF_WRITTEN}{secrets.token_hex(4)}"
    placed: list[Path] = []
    try:
        with vault.Volume(out) as volume:
            vault.make_private_directory(new)
            for bundle, place in bundles:
                check_place(place, force=False)
                files = [(file.name, file.content, file.private) for file in bundle.files]
                vault.write_folder(new / place.name, files)
                read_bundle(new / place.name)
            volume.sync()
            for _, place in bundles:
                (new / place.name).rename(place)
                placed.append(place)
            vault.sync_directory(out)
    except BaseException as error:
        for place in placed:
            shutil.rmtree(place, ignore_errors=True)
        if isinstance(error, OSError):
            why = error.strerror or str(error)
            raise BundleError(f"bundles cannot be written to {out}", why=why, remedy="choose another --out") from error
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)


def clear_half_written(out: Path) -> None:
    """Remove what a killed `write_bundles` left. The caller knows that nobody writes there. Raises OSError."""
    for left in out.glob(f"{HALF_WRITTEN}*"):
        shutil.rmtree(left)


def check_place(place: Path, *, force: bool) -> None:
    """Raise BundleError unless a bundle may be written to `place`."""
    if not force and place.exists():
        raise BundleError(f"{place} is there already", remedy="choose another --out, or replace it with --force")
    if place.exists() and not _is_replaceable(place):
        raise BundleError(
            f"{place} is not a bundle, and is not replaced",
            why=f"--force replaces a .zip, or a folder with a {MANIFEST} in it",
            remedy="choose another --out",
        )


def read_bundle(place: Path) -> list[File]:
    """The files of a bundle, from its folder or .zip. Raises BundleError unless they are those of its manifest."""
    try:
        files = _unzipped(place) if place.suffix == ".zip" else _read_folder(place)
    except (OSError, zipfile.BadZipFile) as error:
        raise BundleError(f"the bundle {place} cannot be read", why=str(error)) from error
    check_against_manifest(files)
    return files


def _write_folder(bundle: Bundle, place: Path) -> None:
    new = place.parent / f".{place.name}.{secrets.token_hex(4)}.new"
    old = place.parent / f".{place.name}.{secrets.token_hex(4)}.old"
    vault.make_private_directory(new)
    try:
        for file in bundle.files:
            path = new / file.name
            for folder in reversed(path.relative_to(new).parents):
                if not (new / folder).exists():
                    vault.make_private_directory(new / folder)
            (vault.write_private if file.private else vault.write_public)(path, file.content)
        read_bundle(new)
        if place.exists():
            place.rename(old)
        try:
            new.rename(place)
        except OSError:
            if old.exists():
                old.rename(place)
            raise
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    vault.sync_directory(place.parent)
    shutil.rmtree(old, ignore_errors=True)


def _read_folder(place: Path) -> list[File]:
    paths = sorted(path for path in place.rglob("*") if not path.is_dir())
    return [File(path.relative_to(place).as_posix(), path.read_bytes()) for path in paths]


def _zipped(bundle: Bundle, now: float) -> bytes:
    buffer = io.BytesIO()
    when = datetime.fromtimestamp(now, UTC)
    stamp = (max(when.year, _ZIP_EPOCH), when.month, when.day, when.hour, when.minute, when.second)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in bundle.files:
            entry = zipfile.ZipInfo(file.name, stamp)
            entry.external_attr = (0o100600 if file.private else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.content)
    zipped = buffer.getvalue()
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        check_against_manifest([File(name, archive.read(name)) for name in archive.namelist()])
    return zipped


def _unzipped(place: Path) -> list[File]:
    with zipfile.ZipFile(place) as archive:
        return [File(name, archive.read(name)) for name in archive.namelist()]


def _is_replaceable(place: Path) -> bool:
    return place.is_file() if place.suffix == ".zip" else (place / MANIFEST).is_file()
