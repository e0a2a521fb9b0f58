"""The certificates that a home renews by itself: the broker's own, and the operator's, whose key it keeps.

A device asks for its certificate; the person at the keyboard would find out in a year that nobody did. So the home,
which has the CA, renews what lies in HOME/devices/operator: in time, and when a new root or Device CA has come in. The
files change by one rename (renewal/slots.py), and the old certificate counts until the new one was seen.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from sealmq.broker.certificate_requests import RENEW_AT
from sealmq.bundle import CHAIN_FILE, KEY_FILE, ROOT_FILE, device_files
from sealmq.config import CertificateSettings
from sealmq.devices.issuing import Issued, Issuer, Order
from sealmq.devices.lock import locked_directory
from sealmq.devices.trail import Trail
from sealmq.errors import Error
from sealmq.home import OPERATOR, Home, broker_names
from sealmq.pki.authorities import DEVICE_CA, ROOT
from sealmq.pki.authority import certificates_of
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import identify_certificate
from sealmq.renewal.slots import Slots

log = logging.getLogger("sealmq.server")


def renew_own(home: Home, settings: CertificateSettings, now: float) -> bool:
    """Renew what is due; returns whether the broker has another certificate. `now` in Unix seconds.

    Raises TrustError when the Server CA cannot be relied upon, HomeError when the disk is at fault; what was in use is
    still there then. What keeps the operator from a new certificate keeps no broker from starting, and is told.
    """
    renewed = home.ensure_broker_certificate(broker_names(settings), now)
    if renewed:
        log.info("the broker has a new certificate; links that stand are not cut")
    try:
        if renew_operator(home, now):
            log.info("the operator has a new certificate, in %s", home.device_directory(OPERATOR))
    except (Error, OSError) as error:
        log.warning("the operator's certificate was not renewed: %s; next: sealmq device show %s", error, OPERATOR)
    return renewed


def renew_operator(home: Home, now: float) -> bool:
    """Renew the operator's certificate in the home when it is due; returns whether it was.

    Raises TrustError when the Device CA or a file cannot be relied upon, HomeError or OSError when the disk is at
    fault; what was in use is still there then.
    """
    folder = home.device_directory(OPERATOR)
    device = home.registry.device(OPERATOR)
    if device is None or device.state != "active" or not (folder / KEY_FILE).exists():
        return False  # revoked, or kept elsewhere
    if not _is_due(home, now):
        return False
    with locked_directory(folder):
        slots, key, authorities = Slots(folder), PrivateKey.generate(), home.authorities
        filled: list[Path] = []
        slots.tidy()
        for left in slots.waiting():  # of one that was killed
            slots.drop(left)
        order = Order(
            name=device.name,
            public_key=key.public,
            role=device.role,
            uuid=UUID(device.uuid),
            renews=True,
            root=authorities.key_ids(ROOT)[0],
            actor="home",
        )

        def hand_over(made: Sequence[Issued]) -> None:
            certificate, issuing = made[0].certificate, authorities.device.certificate
            files = device_files(authorities.roots_pem, certificate.pem, issuing.pem, key.pem())
            filled.append(slots.fill(certificate.serial, files))

        issuer = Issuer(home.registry, authorities.device, Trail(home.audit_trail))
        (answer,) = issuer.issue([order], now=now, hand_over=hand_over)
        if not isinstance(answer, Issued):
            raise answer
        before = slots.current
        slots.switch(filled[0])
        slots.drop(before)
    return True


def _is_due(home: Home, now: float) -> bool:
    folder = home.device_directory(OPERATOR)
    leaf = identify_certificate(certificates_of((folder / CHAIN_FILE).read_bytes())[0])
    if leaf.authority_key_id != home.authorities.key_ids(DEVICE_CA)[0]:
        return True  # a new Device CA has come in
    if (folder / ROOT_FILE).read_bytes() != home.authorities.roots_pem:
        return True
    return now >= leaf.not_before + (leaf.not_after - leaf.not_before) * RENEW_AT
