"""What a context is built from and cannot be used, in words: the same from every middleware.

Each but `read_file` makes the TrustError for its caller to raise; `reason` is what the library says of it.
"""

from __future__ import annotations

from pathlib import Path

from sealmq.errors import TrustError


def unusable_root(root: Path, reason: str) -> TrustError:
    """A device's root certificate."""
    return TrustError(
        f"the root certificate {root} cannot be used", why=reason, remedy="take the ca/root.pem of the broker's home"
    )


def read_file(path: Path) -> bytes:
    """What is in a file. Raises TrustError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> TrustError:
    """A file that cannot even be read."""
    return TrustError(
        f"{path} cannot be read",
        why=error.strerror or str(error),
        remedy="run this as the user to whom the file belongs: ls -l shows who it is",
    )


def unusable_pair(chain: Path, key: Path, reason: str) -> TrustError:
    """A certificate with its key. The file that cannot even be read is named."""
    for path in (chain, key):
        try:
            path.open("rb").close()
        except OSError as error:
            return unreadable(path, error)
    return TrustError(
        f"the certificate {chain} and the key {key} cannot be used together",
        why=reason,
        remedy="both must be PEM, the key without passphrase and of this certificate",
    )


def unusable_anchors(reason: str) -> TrustError:
    """The certificates of those CAs whose devices are believed."""
    return TrustError("the Device CA's certificate cannot be used", why=reason)


def no_anchor() -> TrustError:
    """One of them is nobody's authority."""
    return TrustError("a certificate that is not a CA's is no anchor for devices")


def unusable_crl(reason: str) -> TrustError:
    """The lists of what these CAs have revoked."""
    return TrustError("the list of revoked certificates cannot be used", why=reason)
