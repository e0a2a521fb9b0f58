"""The compiled library: where it lies, whether it may be trusted, and what it is.

Rule 1: it is code that runs in this process. A file that another user could change, or exchange by any of the folders
        above it, is not loaded. What is loaded is the file that was looked at: by its whole path, without links.
Rule 2: it is whole: to load half a library ends the process (SIGBUS). Its SHA-256 stands in a file beside it.
Rule 3: what it is, it says itself (version, interface); a file name proves nothing.
"""

from __future__ import annotations

import hashlib
import os
import stat
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import platformdirs

from sealmq.errors import MiddlewareError

FILE: Final = "libsealmq_mbedtls.so"
ABI: Final = 3
"""Of shim/. A library that was built for another SealMQ is built anew."""

LOWEST: Final = 0x03060300
"""3.6.3: before it a client could be made to believe a server that it had not asked for (CVE-2025-27809, -27810)."""

BEYOND: Final = 0x03070000
BUILD: Final = "sealmq middleware build mbedtls"

DECLARATIONS: Final = """
typedef ... sq_context;
typedef ... sq_connection;
typedef int key_lookup(void *, const unsigned char *, size_t, unsigned char *, size_t);
int sq_abi(void);
unsigned sq_version(void);
unsigned sq_compiled_version(void);
int sq_longest_psk(void);
int sq_start(void);
int sq_suite(const char *);
void sq_error_text(int, char *, size_t);
void sq_verify_text(uint32_t, char *, size_t);
sq_context *sq_context_new(int, int, int);
int sq_context_suites(sq_context *, const int *, size_t);
int sq_context_own(sq_context *, const unsigned char *, size_t, const unsigned char *, size_t);
int sq_context_anchors(sq_context *, const unsigned char *, size_t);
int sq_context_list(sq_context *, const unsigned char *, size_t);
int sq_context_psk(sq_context *, const unsigned char *, size_t, const unsigned char *, size_t);
void sq_context_lookup(sq_context *, key_lookup *, void *);
int sq_context_tickets(sq_context *, int, uint32_t, size_t);
size_t sq_context_kept(const sq_context *);
void sq_context_free(sq_context *);
sq_connection *sq_connection_new(sq_context *, const char *, const unsigned char *, size_t, int);
void sq_connection_free(sq_connection *);
int sq_resume(sq_connection *, const unsigned char *, size_t);
int sq_feed(sq_connection *, const unsigned char *, size_t);
size_t sq_waiting(const sq_connection *, const unsigned char **);
void sq_taken(sq_connection *);
int sq_shake(sq_connection *);
int sq_read(sq_connection *, unsigned char *, size_t);
int sq_write(sq_connection *, const unsigned char *, size_t);
void sq_goodbye(sq_connection *);
void sq_keep(sq_connection *);
void sq_alert(sq_connection *, int);
void sq_alerts(const sq_connection *, int *, int *, int *);
uint32_t sq_verdict(const sq_connection *, int *);
int sq_protocol(const sq_connection *);
const char *sq_cipher(const sq_connection *);
int sq_resumed(const sq_connection *);
size_t sq_peer(const sq_connection *, const unsigned char **);
size_t sq_shown(const sq_connection *, const unsigned char **);
size_t sq_identity(const sq_connection *, const unsigned char **);
size_t sq_session(sq_connection *, unsigned char *, size_t);
size_t sq_keys(sq_connection *, unsigned char *, size_t);
"""


class Library:
    """The loaded library. `ffi` and `lib` are cffi's."""

    __slots__ = ("ffi", "lib", "path")

    def __init__(self, ffi: Any, lib: Any, path: Path) -> None:
        self.ffi = ffi
        self.lib = lib
        self.path = path

    @property
    def version(self) -> str:
        """Of Mbed TLS: "3.6.6"."""
        return version_text(self.lib.sq_version())

    def error_text(self, code: int) -> str:
        """Mbed TLS's words for an error code (a negative number)."""
        text = self.ffi.new("char[]", 200)
        self.lib.sq_error_text(code, text, 200)
        return str(self.ffi.string(text).decode("ascii", "replace"))

    def verify_text(self, flags: int) -> str:
        """Mbed TLS's words for what is wrong with a certificate."""
        text = self.ffi.new("char[]", 600)
        self.lib.sq_verify_text(flags, text, 600)
        return "; ".join(self.ffi.string(text).decode("ascii", "replace").split("\n")).strip("; ")


def version_text(number: int) -> str:
    """0x03060600 as "3.6.6"."""
    return f"{number >> 24}.{number >> 16 & 0xFF}.{number >> 8 & 0xFF}"


def folder() -> Path:
    """Where compiled middlewares lie: $SEALMQ_MIDDLEWARE_DIR, or in the user's data folder."""
    chosen = os.environ.get("SEALMQ_MIDDLEWARE_DIR")
    return Path(chosen) if chosen else platformdirs.user_data_path("sealmq") / "middleware"


def load_library() -> Library:
    """The library of `folder()`. Raises MiddlewareError when it is missing, may not be trusted, or is not as needed."""
    return _load(folder() / FILE)


@cache
def _load(path: Path) -> Library:
    return load_from(path)


def load_from(path: Path) -> Library:
    """The library in this file. Raises as `load_library`."""
    cffi = _cffi()
    path = path.resolve()  # a name without a folder would be looked for elsewhere, by LD_LIBRARY_PATH
    expect_trusted(path)
    expect_whole(path)
    ffi = cffi.FFI()
    ffi.cdef(DECLARATIONS)
    try:
        lib = ffi.dlopen(str(path))
        abi = lib.sq_abi()
    except (OSError, AttributeError) as error:
        raise MiddlewareError(
            f"the library {path} cannot be loaded", why=str(error), remedy=f"build it anew: {BUILD}"
        ) from error
    if abi != ABI:
        raise MiddlewareError(
            f"the library {path} was built for another SealMQ",
            why=f"its interface is number {abi}, this SealMQ has {ABI}",
            remedy=f"build it anew: {BUILD}",
        )
    library = Library(ffi, lib, path)
    expect_version(lib.sq_version())
    if code := lib.sq_start():
        raise MiddlewareError("Mbed TLS could not be started", why=f"psa_crypto_init says {code}")
    return library


def expect_version(number: int) -> None:
    """Raise MiddlewareError when Mbed TLS is not a 3.6 that will do. number: as 0x03060600."""
    if LOWEST <= number < BEYOND:
        return
    raise MiddlewareError(
        f"Mbed TLS {version_text(number)} cannot be used as middleware mbedtls-3.6",
        why=f"it takes 3.6, {version_text(LOWEST)} or newer: 2.28 has no TLS 1.3, 4.x has another interface",
        remedy=f"take the sources of 3.6 (make sources fetches them into .sources/mbedtls): {BUILD} --sources DIR",
    )


def expect_trusted(path: Path, what: str = "the library {} is not loaded") -> None:
    """Raise MiddlewareError when `path` is not there, or another user could have written or exchanged it."""
    try:
        whole = path.resolve(strict=True)
        for each in (whole, *whole.parents):
            if _is_others(each.stat(), above=each not in (whole, whole.parent)):
                raise MiddlewareError(
                    what.format(path),
                    why=f"{each} can be changed by others than you, and what stands there would run as you",
                    remedy=f"chmod go-w {each}, and see that it is yours: ls -ld {each}",
                )
    except OSError as error:
        raise MiddlewareError(
            "Mbed TLS 3.6 is not here",
            why=f"{path}: {error.strerror}",
            remedy=f"build it once: {BUILD} (needs a C compiler)",
        ) from error


def _is_others(found: os.stat_result, *, above: bool) -> bool:
    """Could another user change this? above: it is a folder further up, in which he could only rename what is below;
    not where it is sticky, as /tmp is, and not where the group is the user's own, as many systems make one."""
    shared = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if above and (found.st_mode & stat.S_ISVTX or (found.st_gid == found.st_uid and not shared & stat.S_IWOTH)):
        shared = 0
    return bool(shared) or found.st_uid not in (0, os.geteuid())


def seal(path: Path) -> None:
    """Write down what `path` holds now."""
    digest_file(path).write_text(hashlib.sha256(path.read_bytes()).hexdigest() + "\n", encoding="ascii")


def digest_file(path: Path) -> Path:
    """Where the digest of a library stands."""
    return path.with_suffix(".sha256")


def expect_whole(path: Path) -> None:
    """Raise MiddlewareError when `path` is not what was built."""
    try:
        expected = digest_file(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        expected = f"{error.strerror}"
    if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        raise MiddlewareError(
            f"the library {path} is damaged, or was changed since it was built",
            why=f"it is not what {digest_file(path).name} beside it says",
            remedy=f"build it anew: {BUILD}",
        )


def _cffi() -> ModuleType:
    try:
        import cffi
    except ImportError as error:
        raise MiddlewareError(
            "the middleware mbedtls-3.6 needs the Python package cffi",
            why=str(error),
            remedy='pip install "sealmq[mbedtls]"',
        ) from error
    module: ModuleType = cffi
    return module
