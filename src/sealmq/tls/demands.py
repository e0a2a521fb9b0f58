"""What is asked of a middleware and it cannot do is refused before anything is sent, in words that say what to do.

Never a fallback to less: who asks for TLS 1.3, for a hybrid group or for an address to be compared gets that, or an
error that names the middleware which has it.
"""

from __future__ import annotations

import re
from typing import Final

from sealmq.addresses import is_address
from sealmq.errors import ConfigError, MiddlewareError
from sealmq.tls.middleware import PSK, Abilities, ClientMaterial, ServerMaterial, Version
from sealmq.tls.policy import TLSPolicy

SHORTEST_KEY: Final = 16
"""Bytes of a PSK."""

LONGEST_NAME: Final = 255  # RFC 1035 section 2.3.4
_LABEL: Final = re.compile(rb"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def versions_of(policy: TLSPolicy) -> frozenset[Version]:
    """The TLS versions that a policy allows."""
    return frozenset(each for each in ("TLSv1.2", "TLSv1.3") if policy.lowest <= each <= policy.highest)


def expect_policy(name: str, abilities: Abilities, policy: TLSPolicy) -> frozenset[Version]:
    """The versions that the policy allows and the middleware has. Raises MiddlewareError when none is left."""
    if policy.hybrid_only and not abilities.hybrid_groups:
        raise MiddlewareError(
            f'profile "post-quantum" cannot be had with the middleware {name}',
            why=f"{abilities.title} has no hybrid group here",
            remedy='middleware = "pyopenssl" has one on any Python (pip install "sealmq[pyopenssl]")',
        )
    versions = versions_of(policy) & abilities.versions
    if not versions:
        wanted = " or ".join(sorted(versions_of(policy)))
        raise MiddlewareError(
            f"the middleware {name} cannot speak {wanted}",
            why=f"{abilities.title} has {' and '.join(sorted(abilities.versions))} here",
            remedy="take another middleware (sealmq middleware lists them), or another TLS version",
        )
    return versions


def expect_server(name: str, abilities: Abilities, policy: TLSPolicy, material: ServerMaterial) -> frozenset[Version]:
    """The versions that a listener will speak. Raises MiddlewareError when the middleware cannot do as asked."""
    versions = expect_policy(name, abilities, policy)
    if material.psk is not None:
        versions &= abilities.psk_server
        _expect_psk(name, abilities, versions, "a listener")
    return versions


def expect_client(name: str, abilities: Abilities, policy: TLSPolicy, material: ClientMaterial) -> frozenset[Version]:
    """The versions that a device will speak. Raises ConfigError, or MiddlewareError."""
    versions = expect_policy(name, abilities, policy)
    if material.psk is not None:
        if material.root is not None or material.chain is not None:
            raise ConfigError(
                "a PSK and certificates are both given",
                why="one of them proves who the two are, and what the other was for would not be checked",
                remedy="give one of them",
            )
        _expect_key(material.psk)
        versions &= abilities.psk_client
        _expect_psk(name, abilities, versions, "a device")
    elif material.root is None:
        raise ConfigError(
            "nothing says which broker is to be trusted",
            why="a connection without it would be encrypted to anybody",
            remedy="give root.pem, the file that comes with every device's key",
        )
    return versions


def expect_name(name: str, abilities: Abilities, server_hostname: str) -> None:
    """Raise ConfigError when the certificate could not be held against the name or address that is dialled."""
    if not server_hostname:
        raise ConfigError(
            "no name is given that the broker's certificate must carry",
            why="without it anybody with a certificate of the same authority could stand there",
            remedy="give the name or address that is dialled",
        )
    if is_address(server_hostname):
        _expect_addresses(name, abilities, server_hostname)
    elif not _is_name(server_hostname):
        raise ConfigError(
            f"{server_hostname!r} is no name that a certificate can carry",
            remedy="dial a DNS name or an IP address that the broker's certificate carries",
        )


def _expect_addresses(name: str, abilities: Abilities, server_hostname: str) -> None:
    if not abilities.addresses:
        raise MiddlewareError(
            f"the middleware {name} cannot hold the address {server_hostname} against a certificate",
            why=f"{abilities.title} compares names only",
            remedy="dial a name that the broker's certificate carries, or take another middleware",
        )


def _is_name(text: str) -> bool:
    """Is it a DNS name (RFC 1123 section 2.1)? What is none is no two libraries' same name: "*.com" stands for itself
    in one and for others in another, ".com" for all below it, and behind a NUL some read no further. The underscore is
    there in names that work all the same."""
    try:
        name = text.encode("idna")
    except UnicodeError:
        return False
    return len(name) <= LONGEST_NAME and all(_LABEL.fullmatch(label) for label in name.split(b"."))


def _expect_key(psk: PSK) -> None:
    """What is recorded of one handshake lets anybody try keys for as long as he likes (RFC 4279 section 7.2)."""
    if len(psk.key) < SHORTEST_KEY:
        raise ConfigError(
            f"the key of the PSK {psk.identity!r} is too short",
            why=f"it has {len(psk.key)} bytes, and fewer than {SHORTEST_KEY} can be guessed from a recording",
            remedy="let sealmq device add --psk make one",
        )
    try:
        fits = bool(psk.identity.encode()) and "\0" not in psk.identity
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise ConfigError(
            f"{psk.identity!r} is no identity of a PSK",
            why="it must be text in UTF-8, without a NUL, where some libraries end it",
            remedy="take the device's name",
        )


def _expect_psk(name: str, abilities: Abilities, versions: frozenset[Version], who: str) -> None:
    if not versions:
        raise MiddlewareError(
            f"the middleware {name} has no PSK for {who} here",
            why=f"{abilities.title} has none, or none with the TLS versions that are allowed",
            remedy='mbedtls and wolfssl have it: --middleware NAME, or middleware = "NAME" in sealmq.toml',
        )
