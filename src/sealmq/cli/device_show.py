"""`sealmq device show`: one device, with the certificates that it has, or had last."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq.cli.device_list import device_as_json
from sealmq.cli.options import HomeOption
from sealmq.cli.program import as_typed
from sealmq.cli.times import day, moment
from sealmq.errors import EnrollmentError

if TYPE_CHECKING:
    from sealmq.devices.records import CertificateRecord, DeviceRecord

JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The device.")],
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Show all that is known of one device. Exit code 0 also when it is revoked or expired: the state says so."""
    from sealmq.cli.target import home_path
    from sealmq.devices.listing import near
    from sealmq.devices.record_sizes import RecordSizes
    from sealmq.home import Home
    from sealmq.pki.authorities import DEVICE_CA

    with Home.open(home_path(home)) as opened:
        device = opened.registry.device(name) if name.isascii() else None
        if device is None:
            nearest = near(opened.registry, name, 1)
            meant = f"did you mean {nearest[0]}? " if nearest else ""
            raise EnrollmentError(f"there is no device {name!r}", remedy=f"{meant}sealmq device list shows them")
        directory = opened.device_directory(name)
        clones = opened.registry.clones_of(device.name)
        certificates = opened.registry.certificates_of(device.name)
        max_record = RecordSizes(opened.registry).of(device.name)
        trusted = opened.authorities.key_ids(DEVICE_CA)
    now = time.time()
    if as_json:
        known = {
            "directory": str(directory) if directory.is_dir() else None,
            "clones": clones,
            "max_record": max_record,
            "certificates": [_certificate_as_json(each, device) for each in certificates],
        }
        typer.echo(json.dumps(device_as_json(device, now) | known, indent=2))
        return
    lines = _device_in_words(device, certificates, directory, now)
    if max_record is not None:
        lines.append(f"  TLS records  {max_record:,} bytes at most, towards it")
    lines += _certificates_in_words(device, certificates, trusted)
    typer.echo("\n".join(lines + _clones_in_words(device, clones) + [_what_next(device)]))


def _device_in_words(
    device: DeviceRecord, certificates: list[CertificateRecord], directory: Path, now: float
) -> list[str]:
    from sealmq.devices.listing import state_of

    days = int((device.not_after - now) // 86_400)
    proof = ["  proof        PSK: its key lies in this home's registry, too"] if device.has_psk else []
    left = f" ({days:,} days)" if days >= 0 else ""
    token = next((each.token for each in certificates if each.token is not None), None)
    came_by = [f"  came by      token or claim {token}"] if token is not None else []
    return [
        device.name,
        f"  role         {device.role}",
        *proof,
        f"  state        {state_of(device, now)}",
        f"  valid until  {day(device.not_after)}{left}",
        f"  serial       {device.serial}",
        f"  added        {day(device.created)}",
        *came_by,
        f"  UUID         {device.uuid}",
        f"  files        {directory if directory.is_dir() else 'none in this home'}",
    ]


def _certificates_in_words(
    device: DeviceRecord, certificates: list[CertificateRecord], trusted: list[str]
) -> list[str]:
    """The one in use, or that was last, and what waits beside it; what they replaced is counted."""
    shown = [each for each in certificates if _is_shown(each, device)]
    title = "Certificates:" if not any(each.profile == "psk" for each in certificates) else "Certificates and PSKs:"
    lines = [title, *(f"  {each.serial}  {_certificate_in_words(each, device, trusted)}" for each in shown)]
    others = len(certificates) - len(shown)
    return [*lines, f"  and {others:,} that it had before"] if others else lines


def _is_shown(certificate: CertificateRecord, device: DeviceRecord) -> bool:
    return certificate.serial == device.serial or certificate.state == "valid"


def _certificate_in_words(certificate: CertificateRecord, device: DeviceRecord, trusted: list[str]) -> str:
    what = _state_in_words(certificate, device, trusted)
    return f"PSK, {what}" if certificate.profile == "psk" else what


def _state_in_words(certificate: CertificateRecord, device: DeviceRecord, trusted: list[str]) -> str:
    if certificate.revoked_at is not None and certificate.state == "revoked":
        if certificate.reason == "certificateHold":
            return f"on hold since {day(certificate.revoked_at)}"
        return f"revoked on {day(certificate.revoked_at)} ({certificate.reason})"
    if certificate.profile != "psk" and certificate.authority_key_id not in trusted:
        return "locked out: its Device CA is not trusted"
    seen = f"first seen {moment(certificate.seen)}" if certificate.seen is not None else "not seen yet"
    if certificate.serial == device.serial:
        return f"in use, {seen}"
    return f"{'in use' if certificate.seen is not None else 'new'}, {seen}, until {day(certificate.not_after)}"


def _clones_in_words(device: DeviceRecord, clones: int) -> list[str]:
    if not clones:
        return []
    times = f"{clones} times" if clones > 1 else "once"
    log = as_typed(f"sealmq log show --device {device.name}")
    revoke = as_typed(f"sealmq device revoke {device.name} --reason keyCompromise")
    return [
        f"Alarm: it was in two places at the same time, {times}: {log}",
        f"  If somebody has copied its key: {revoke}",
    ]


def _what_next(device: DeviceRecord) -> str:
    if device.held:
        return as_typed(f"To let it in again: sealmq device release {device.name}")
    if device.state == "revoked":
        if device.has_psk:
            return as_typed(f"To give it a new key: sealmq device add {device.name} --psk")
        return as_typed(f"To give it a new certificate: sealmq device add {device.name}")
    return as_typed(f"What it may do: sealmq access check {device.name} publish TOPIC")


def _certificate_as_json(certificate: CertificateRecord, device: DeviceRecord) -> dict[str, Any]:
    return {
        "serial": certificate.serial,
        "proof": "psk" if certificate.profile == "psk" else "certificate",
        "state": str(certificate.state),
        "current": certificate.serial == device.serial,
        "not_before": moment(certificate.not_before),
        "not_after": moment(certificate.not_after),
        "seen": moment(certificate.seen) if certificate.seen is not None else None,
        "token": certificate.token,
        "revoked": moment(certificate.revoked_at) if certificate.revoked_at is not None else None,
        "reason": certificate.reason,
    }
