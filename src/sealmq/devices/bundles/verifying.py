"""The checks that every bundle passes before a byte of it is written, whatever its target.

Rule 1: what is handed over was read back first, each file by the parser of its kind, and compared.
Rule 2: the certificate belongs to the device and its key, leads to the root, and may prove a client.
Rule 3: the private key is in files that are marked private, and in no other.
Rule 4: sizes and kinds of keys fit the target, and what does not fit is told in words.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import File, Target
from sealmq.errors import BundleError, TrustError
from sealmq.pki.authority import certificates_of
from sealmq.pki.chain import check_client_chain
from sealmq.pki.containers import check_certificate, pkcs8_der, private_scalar, read_private_key, sec1_der
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import day

_TEXT = (".pem", ".key", ".crt", ".h", ".c", ".md", ".json", ".csv", ".txt", ".sh", ".py", ".conf", ".yaml", ".cmake")
_NAME = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*", re.ASCII)
_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_ESCAPES = re.compile(rb"\\[nr0]")
_HEX = re.compile(rb"0x|\\x|[^0-9a-f]")


def check_bundle(target: Target, credentials: Credentials, files: Sequence[File]) -> None:
    """Raise BundleError or TrustError unless these files may be handed over for this target."""
    check_credentials(credentials)
    _check_limits(target, credentials, files)
    if len({file.name for file in files}) != len(files):
        raise BundleError("two files of the bundle have one name")
    for file in files:
        if credentials.key is not None and not file.private and holds_key(file.content, credentials.key):
            raise BundleError(f"{file.name} holds the private key and is not marked so")
        _check_file(file)
    target.check(files, credentials)


def check_credentials(credentials: Credentials) -> None:
    """Raise TrustError unless certificate, name, key and chain belong together and hold now (Rule 2)."""
    leaf = credentials.leaf
    if leaf.common_name != credentials.name:
        raise TrustError(f"the certificate is not that of '{credentials.name}'")
    if credentials.key is not None and credentials.key.public.spki_sha256 != leaf.spki_sha256:
        raise TrustError("the private key does not belong to the certificate")
    # clientAuth is asked for by name: a certificate without any extended key usage would pass as a client's.
    if leaf.extended_key_usages != ("clientAuth",):
        raise TrustError("the certificate is not a device's", why="it is for more or other than clientAuth")
    if not leaf.not_before <= credentials.now <= leaf.not_after:
        raise TrustError(
            f"the certificate of '{credentials.name}' does not hold now",
            why=f"it holds from {day(leaf.not_before)} to {day(leaf.not_after)}",
            remedy=f"sealmq device revoke {credentials.name}; sealmq device add {credentials.name}",
        )
    check_client_chain(credentials.leaf_der, [credentials.issuing_der], credentials.root_ders, now=credentials.now)


def check_takes(target: Target, credentials: Credentials) -> None:
    """Raise BundleError when the target can't use this kind of key or speak with this broker, or wants a key that we do
    not have."""
    kind, limits = credentials.key_algorithm, target.limits
    if kind not in limits.keys:
        raise BundleError(
            f"{target.name} takes no {kind} key",
            why=f"its TLS library reads {' and '.join(limits.keys)} as it is usually built",
            remedy="make a P-256 key: openssl ecparam -name prime256v1 -genkey -noout -out device.key",
        )
    if credentials.min_tls > limits.newest_tls:
        raise BundleError(
            f"{target.name} could not connect",
            why=f"it speaks TLS {limits.newest_tls} at most, and the broker {credentials.min_tls} at least",
            remedy='profile = "default" under [tls] in the broker\'s sealmq.toml, or another target',
        )
    if limits.needs_key and credentials.key is None:
        raise BundleError(
            f"a {target.name} bundle of '{credentials.name}' cannot be made here",
            why="the private key belongs into it, and the device keeps its own",
            remedy="make the bundle where the key is, or choose another: sealmq device targets",
        )


def holds_key(content: bytes, key: PrivateKey) -> bool:
    """Whether the secret of `key` can be found in `content`: as bytes, as hex or a C array, or in base64."""
    secret = private_scalar(key)
    if secret in content or secret.hex().encode() in _HEX.sub(b"", content.lower()):
        return True
    letters = _BASE64.sub(b"", _ESCAPES.sub(b"", content))
    return any(part in letters for part in _base64_of_secret(key, secret))


def _base64_of_secret(key: PrivateKey, secret: bytes) -> Iterator[bytes]:
    """How the secret looks in base64, alone and within each form of the key: only what comes from its own octets."""
    for form in (pkcs8_der(key), sec1_der(key), secret):
        start = form.index(secret)
        whole = base64.b64encode(form)
        # Three octets are four letters: those at the edges are shared with other octets, and are left out.
        yield whole[-(-start // 3) * 4 : (start + len(secret)) // 3 * 4]


def _check_limits(target: Target, credentials: Credentials, files: Sequence[File]) -> None:
    check_takes(target, credentials)
    limits, total = target.limits, 0
    for file in files:
        total += len(file.content)
        if limits.file_bytes is not None and len(file.content) > limits.file_bytes:
            raise BundleError(
                f"{file.name} is too long for {target.name}", why=f"{len(file.content)} bytes of {limits.file_bytes}"
            )
    if limits.total_bytes is not None and total > limits.total_bytes:
        raise BundleError(f"the files are too long for {target.name}", why=f"{total} bytes of {limits.total_bytes}")


def _check_file(file: File) -> None:
    path = PurePosixPath(file.name)
    if not _NAME.fullmatch(file.name) or ".." in path.parts:
        raise BundleError(f"{file.name!r} cannot be a file of a bundle")
    if path.suffix in _TEXT:
        if b"\0" in file.content:
            # The NUL that Mbed TLS wants is the C compiler's or the firmware's to add; in a file it breaks readers.
            raise BundleError(f"{file.name} has a NUL in it")
        if b"\r" in file.content:
            raise BundleError(f"{file.name} has a CR in it", why="within a C literal it would end in the certificate")
        if not file.content.endswith(b"\n"):
            raise BundleError(f"the last line of {file.name} does not end")
    try:
        _parse(file, path.suffix)
    except TrustError as error:
        raise BundleError(f"{file.name} cannot be read back", why=error.what) from error


def _parse(file: File, suffix: str) -> None:
    """Read PEM and DER back; other kinds are read by their targets."""
    content = file.content
    if suffix in (".pem", ".key", ".crt") and content.startswith(b"-----BEGIN "):
        if b"PRIVATE KEY-----" in content.splitlines()[0]:
            read_private_key(content)
        else:
            certificates_of(content)
    elif suffix in (".pem", ".crt"):
        raise TrustError("it does not begin with -----BEGIN")
    elif suffix == ".der":
        if file.private:
            read_private_key(content)
        else:
            check_certificate(content)
