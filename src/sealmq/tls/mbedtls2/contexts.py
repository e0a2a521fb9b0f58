"""A listener's context, and a device's, in Mbed TLS 2.28.

Rule 1: the package's own defaults are TLS 1.0, CBC and static RSA: version and suites are always ours.
Rule 2: the text of a private key object is the key (`str()`): none is ever kept under a name that gets printed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sealmq.errors import MiddlewareError, TrustError
from sealmq.pem import blocks
from sealmq.tls.demands import expect_client, expect_name, expect_server
from sealmq.tls.mbedtls2.engine import Identities, Mbed2Engine
from sealmq.tls.mbedtls2.library import Package
from sealmq.tls.mbedtls3.suites import PSK12, to_mbedtls
from sealmq.tls.memory import MemoryConnection
from sealmq.tls.middleware import Abilities, ClientMaterial, ServerMaterial
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.unusable import no_anchor, read_file, unusable_anchors, unusable_pair, unusable_root


class Mbed2ServerContext:
    """A TLSContext."""

    __slots__ = ("__weakref__", "_context", "_identities", "_max_record", "_package")

    def __init__(
        self, name: str, package: Package, abilities: Abilities, policy: TLSPolicy, material: ServerMaterial
    ) -> None:
        expect_server(name, abilities, policy, material)
        if material.crl is not None:
            raise MiddlewareError(
                f"the middleware {name} takes no list of revoked certificates",
                why=f"{abilities.title} could not look into it",
                remedy="leave revocation to the registry, which looks at each device after the handshake",
            )
        self._package = package
        self._max_record = policy.max_record
        self._identities: Identities | None = None
        settings: dict[str, Any] = {"validate_certificates": material.client_certificates}
        if material.psk is not None:
            self._identities = Identities(material.psk)
            settings |= {"pre_shared_key_store": self._identities, "ciphers": PSK12, "validate_certificates": True}
        else:
            assert material.chain is not None
            assert material.key is not None
            settings |= _own(package, material.chain, material.key)
            settings["ciphers"] = _suites(policy)
            if material.client_certificates:
                settings["trust_store"] = _anchors(package, material.client_anchors)
        self._context = package.tls.ServerContext(_configuration(package, settings))

    def connection(self) -> MemoryConnection:
        """See TLSContext."""
        engine = Mbed2Engine(
            self._package,
            self._package.buffer(self._context),
            server=True,
            psk=self._identities is not None,
            identities=self._identities,
        )
        return MemoryConnection(engine, peer="device", max_record=self._max_record)


class Mbed2ClientContext:
    """A ClientContext."""

    __slots__ = ("__weakref__", "_abilities", "_context", "_max_record", "_name", "_package", "_psk")

    def __init__(
        self, name: str, package: Package, abilities: Abilities, policy: TLSPolicy, material: ClientMaterial
    ) -> None:
        expect_client(name, abilities, policy, material)
        self._name, self._abilities, self._package = name, abilities, package
        self._max_record = policy.max_record
        self._psk = material.psk is not None
        settings: dict[str, Any] = {"validate_certificates": True}
        if material.psk is not None:
            settings |= {"pre_shared_key": (material.psk.identity, material.psk.key), "ciphers": PSK12}
        else:
            assert material.root is not None
            settings["ciphers"] = _suites(policy)
            settings["trust_store"] = _roots(package, material.root)
            if material.chain is not None:
                settings |= _own(package, material.chain, material.key or material.chain)
        self._context = package.tls.ClientContext(_configuration(package, settings))

    def connection(self, server_hostname: str, *, session: object | None = None) -> MemoryConnection:
        """See ClientContext. There are no sessions to resume."""
        name: str | None = None
        if not self._psk:
            expect_name(self._name, self._abilities, server_hostname)
            name = server_hostname.encode("idna").decode("ascii")  # as it stands in certificates
        buffer = self._package.buffer(self._context, name)
        engine = Mbed2Engine(self._package, buffer, server=False, psk=self._psk, host=name or "")
        connection = MemoryConnection(engine, peer="broker", max_record=self._max_record)
        connection.start()
        return connection


def _configuration(package: Package, settings: dict[str, Any]) -> Any:
    version = package.tls.TLSVersion.TLSv1_2
    return package.tls.TLSConfiguration(lowest_supported_version=version, highest_supported_version=version, **settings)


def _suites(policy: TLSPolicy) -> tuple[str, ...]:
    suites = tuple(to_mbedtls(policy.suites))
    if not suites:
        raise TrustError(f"Mbed TLS knows none of the cipher suites {', '.join(policy.suites)}")
    return suites


def _certificates(package: Package, pem: bytes) -> list[Any]:
    """Every certificate of a PEM text. Raises ValueError, or what the package raises."""
    found = [
        package.x509.CRT.from_PEM(f"-----BEGIN {label}-----{text.decode('ascii')}-----END {label}-----\n")
        for label, text in blocks(pem)
        if label == "CERTIFICATE"
    ]
    if not found:
        raise ValueError("there is no certificate in it")
    return found


def _anchors(package: Package, pem: bytes) -> Any:
    try:
        certificates = _certificates(package, pem)
    except (*package.errors, ValueError) as error:
        raise unusable_anchors(_words(error)) from None
    if not all(certificate.basic_constraints.ca for certificate in certificates):
        raise no_anchor()
    return package.tls.TrustStore(certificates)


def _roots(package: Package, root: Path) -> Any:
    pem = read_file(root)
    try:
        return package.tls.TrustStore(_certificates(package, pem))
    except (*package.errors, ValueError) as error:
        raise unusable_root(root, _words(error)) from None


def _own(package: Package, chain: Path, key: Path) -> dict[str, Any]:
    """The certificate that is ours. The kind of the key is asked of the certificate: either of the package's two
    classes takes a key of the other kind without complaint."""
    certificates, secret = read_file(chain), read_file(key)
    problem = "they are not of each other"
    try:
        shown = _certificates(package, certificates)
        public = shown[0].subject_public_key
        private = type(public).from_PEM(secret.decode("ascii"))
        if package.pk.check_pair(public, private):
            return {"certificate_chain": (tuple(shown), private)}
    except (*package.errors, ValueError, TypeError) as error:
        problem = _words(error)
    raise unusable_pair(chain, key, problem) from None


def _words(error: Exception) -> str:
    return str(getattr(error, "msg", "")) or str(error)
