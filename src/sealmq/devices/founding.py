"""How CAs come into a home: they are made, recorded in the registry, and written into the folder ca/.

A CA's record is made behind its signature, unlike that of every other certificate: until its files are in ca/, nothing
of it exists. One that was killed before its record was finished is finished by `confirm_authority`.

Whoever calls one of these holds the lock on the home.
"""

from __future__ import annotations

from sealmq.devices.confirming import confirm
from sealmq.devices.records import Reservation, State
from sealmq.devices.registry import Registry
from sealmq.devices.trail import Trail
from sealmq.pki.authorities import CLAIM_CA, DEVICE_CA, ROOT, SERVER_CA, Authorities
from sealmq.pki.authority import Authority, create_issuing, create_root, new_serial, sign_crl
from sealmq.pki.peer import identify_certificate
from sealmq.pki.profiles import ISSUING
from sealmq.pki.profiles import ROOT as ROOT_PROFILE

ISSUING_KINDS = {SERVER_CA: "Server", DEVICE_CA: "Device", CLAIM_CA: "Claim"}
"""The issuing CAs of a home: name of their files -> the word in their common name."""


def found_authorities(
    registry: Registry, trail: Trail, authorities: Authorities, *, organization: str, country: str, now: float
) -> None:
    """Make the root and the issuing CAs of a new home. Raises TrustError when a name can't stand in a certificate."""
    root = create_root(organization, country, serial=new_serial(), now=now)
    keep_authority(registry, trail, authorities, ROOT, root, issuer=root, now=now)
    for name, kind in ISSUING_KINDS.items():
        issuing = create_issuing(root, kind, serial=new_serial(), now=now)
        keep_authority(registry, trail, authorities, name, issuing, issuer=root, now=now)


def ensure_claim_authority(registry: Registry, trail: Trail, authorities: Authorities, *, now: float) -> None:
    """Make the Claim CA where there is none: homes from before there was one. `now` in Unix seconds.

    Raises HomeError where the root's key is away, TrustError when a key can't be relied upon.
    """
    if authorities.has(CLAIM_CA):
        confirm_authority(registry, trail, authorities.certificate(CLAIM_CA), now=now)
        return
    root, key = authorities.root, authorities.new_key("Claim CA")
    issuing = create_issuing(root, ISSUING_KINDS[CLAIM_CA], serial=new_serial(), now=now, key=key)
    keep_authority(registry, trail, authorities, CLAIM_CA, issuing, issuer=root, now=now)


def keep_authority(
    registry: Registry,
    trail: Trail,
    authorities: Authorities,
    name: str,
    authority: Authority,
    *,
    issuer: Authority,
    now: float,
) -> None:
    """Record a new CA and write its two files. `now` in Unix seconds. Raises OSError, HomeError, TrustError."""
    registry.reserve(reservation_of(authority, issuer), now=now)
    authorities.add(name, authority)
    confirm(registry, trail, authority.certificate.serial, authority.certificate.fingerprint, now=now)
    if name == CLAIM_CA:
        # A list that revokes nothing: as soon as OpenSSL is given the Device CA's, it wants one of each CA that counts.
        until = authority.certificate.validity.not_after
        registry.put_crl(authority.key_id, 1, sign_crl(authority, [], number=1, now=now, next_update=until))


def reservation_of(authority: Authority, issuer: Authority) -> Reservation:
    """What the registry is to know of a CA before it counts."""
    is_root = authority.key_id == issuer.key_id
    return Reservation(
        serial=authority.certificate.serial,
        subject=authority.common_name,
        profile=(ROOT_PROFILE if is_root else ISSUING).name,
        authority_key_id="" if is_root else issuer.key_id,
        not_before=authority.certificate.validity.not_before,
        not_after=authority.certificate.validity.not_after,
        spki_sha256=identify_certificate(authority.certificate.der).spki_sha256,
    )


def confirm_authority(registry: Registry, trail: Trail, der: bytes, *, now: float) -> None:
    """Finish the record of a CA whose files are in their place. Does nothing where it is finished."""
    certificate = identify_certificate(der)
    record = registry.lookup(certificate.serial)
    if record is not None and record.state is State.PENDING and record.fingerprint == "":
        confirm(registry, trail, certificate.serial, certificate.fingerprint, now=now)
