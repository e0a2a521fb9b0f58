"""Is pyOpenSSL here, and has it what is needed? Found out by asking it, once, before anything is built on it.

pyOpenSSL has no public way to demand a group, to have a name checked in the handshake, or to know that a session was
resumed. The OpenSSL below it has; `OpenSSL._util.lib` is private, and may lose a function with any release. Hence:

Rule 1: each private name that this room uses stands in NEEDED or HOLDERS, and a pyOpenSSL without one of them is
        refused.
Rule 2: this file alone may be imported where there is no pyOpenSSL.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from sealmq.errors import MiddlewareError
from sealmq.tls.policy import HYBRID_GROUPS, TLSPolicy

INSTALL: Final = 'pip install "sealmq[pyopenssl]"'
UPGRADE: Final = "pip install --upgrade pyopenssl cryptography"

OLDEST: Final = 0x30000000
"""OpenSSL 3.0: the first whose verification is as strict as this room relies on. ML-KEM has it from 3.5 on."""

NEEDED: Final = (
    "BIO_free", "BIO_get_mem_data", "BIO_new", "BIO_read", "BIO_s_mem", "BIO_write", "ERR_clear_error", "ERR_get_error",
    "ERR_GET_REASON", "ERR_reason_error_string", "OPENSSL_VERSION", "OpenSSL_version", "OpenSSL_version_num",
    "SSL_CTX_set1_curves_list", "SSL_CTX_set_default_passwd_cb", "SSL_CTX_set_keylog_callback", "SSL_CTX_set_verify",
    "SSL_do_handshake", "SSL_ERROR_WANT_READ", "SSL_ERROR_ZERO_RETURN", "SSL_get0_group_name", "SSL_get0_param",
    "SSL_get_error", "SSL_get_ex_data_X509_STORE_CTX_idx", "SSL_get_peer_certificate", "SSL_get_verify_result",
    "SSL_read", "SSL_session_reused", "SSL_set_bio", "SSL_set_info_callback", "SSL_shutdown", "SSL_write",
    "X509_CRL_free",
    "X509_STORE_CTX_get0_cert", "X509_STORE_CTX_get_ex_data", "X509_STORE_add_crl", "X509_VERIFY_PARAM_set1_host",
    "X509_VERIFY_PARAM_set1_ip", "X509_VERIFY_PARAM_set_hostflags", "X509_free", "X509_verify_cert_error_string",
    "d2i_X509_CRL_bio", "i2d_X509_bio",
)  # fmt: skip
"""Of `OpenSSL._util.lib`, by which pyOpenSSL itself calls OpenSSL."""

HOLDERS: Final = ("_context", "_ssl", "_into_ssl", "_from_ssl", "_store")
"""Where pyOpenSSL's Context, Connection and X509Store have OpenSSL's: attributes, private too."""


@dataclass(frozen=True, slots=True)
class Library:
    """What was found.

    title:         "OpenSSL 4.0.3 by pyOpenSSL 26.4.0".
    hybrid_groups: those of policy.HYBRID_GROUPS that this OpenSSL knows.
    """

    title: str
    hybrid_groups: tuple[str, ...]


def load_library() -> Library:
    """Load pyOpenSSL. Raises MiddlewareError when it is missing, does not load, lacks something, or is too old."""
    package = _imported("OpenSSL")
    ssl, util = _imported("OpenSSL.SSL"), _imported("OpenSSL._util")
    lib, ffi = getattr(util, "lib", None), getattr(util, "ffi", None)
    version = f"pyOpenSSL {getattr(package, '__version__', 'of an unknown version')}"
    missing = [name for name in NEEDED if not hasattr(lib, name)]
    if lib is None or ffi is None or missing:
        raise _unfit(version, f"the OpenSSL below it is without {', '.join(missing[:3])}")
    connection = ssl.Connection(ssl.Context(ssl.TLS_METHOD))
    holders = (connection, connection.get_context(), connection.get_context().get_cert_store())
    if lost := [name for name in HOLDERS if not any(hasattr(one, name) for one in holders)]:
        raise _unfit(version, f"its objects are without {', '.join(lost)}")
    words = ffi.string(lib.OpenSSL_version(lib.OPENSSL_VERSION)).decode("ascii", "replace")
    openssl = " ".join(words.split()[:2])
    if lib.OpenSSL_version_num() < OLDEST:
        raise MiddlewareError(f"{openssl} is too old", why=f"{version} stands on it; 3.0 is needed", remedy=UPGRADE)
    hybrid = tuple(group for group in HYBRID_GROUPS if _knows_group(ssl, lib, group))
    return Library(title=f"{openssl} by {version}", hybrid_groups=hybrid)


def group_list(policy: TLSPolicy, hybrid: tuple[str, ...]) -> str:
    """The key exchange groups that `policy` allows, the best first, as OpenSSL reads them.

    hybrid: those that there are. With one of them, a listener asks a device that has it for it ("/": the first half
    goes first), and a device sends two key shares ("*"), so that a broker without it costs no round trip.
    """
    if policy.hybrid_only:
        return ":".join(hybrid)
    if hybrid and not policy.classical:
        return f"*{hybrid[0]} / *X25519:secp256r1"
    return "X25519:secp256r1"


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name != "OpenSSL":
            raise _broken(missing) from missing
        raise MiddlewareError("pyOpenSSL is not installed", remedy=INSTALL) from missing
    except Exception as error:  # whatever one that does not go with its `cryptography` raises: AttributeError, mostly
        raise _broken(error) from error


def _broken(error: Exception) -> MiddlewareError:
    return MiddlewareError(
        "pyOpenSSL is installed, but cannot be loaded", why=f"{type(error).__name__}: {error}", remedy=UPGRADE
    )


def _unfit(version: str, why: str) -> MiddlewareError:
    remedy = f"{UPGRADE}, or take another middleware: sealmq middleware"
    return MiddlewareError(f"{version} cannot be used here", why=why, remedy=remedy)


def _knows_group(ssl: Any, lib: Any, group: str) -> bool:
    context = ssl.Context(ssl.TLS_METHOD)
    known: bool = lib.SSL_CTX_set1_curves_list(context._context, group.encode()) == 1
    lib.ERR_clear_error()
    return known
