"""How devices are enrolled over the network: [https], where EST listens, and [enrollment], the policy."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from sealmq.config.listeners import ListenerSettings, read_addresses
from sealmq.config.table import Table, shown
from sealmq.config.tls import Profile, read_profile
from sealmq.devices.labels import Label

LONGEST_LIFE: Final = 9_131
"""Days: 25 years. Nothing outlives its CA anyway, which has ten."""

LONGEST_LATE: Final = 3_653
"""Days, ten years: a certificate that ended before is that of a device that nobody remembers."""

OPERATIONS: Final = ("cacerts", "simpleenroll", "simplereenroll", "serverkeygen", "csrattrs", "fullcmc")
"""Of EST (RFC 7030 section 3.2.2): a label that is called like one would be mistaken for it."""


@dataclass(frozen=True, slots=True)
class HTTPSSettings:
    """[https]: EST (RFC 7030), for devices that fetch their certificate."""

    listen: tuple[str, ...] = (":8443",)
    """Where; nowhere when empty. No MQTT is spoken there."""

    profile: Profile | None = None
    """Which TLS is spoken there; None: what [tls] says. The middleware is always OpenSSL (web/service.py)."""

    @property
    def listeners(self) -> tuple[ListenerSettings, ...]:
        """Its listeners."""
        return tuple(ListenerSettings(address, https=True) for address in self.listen)


@dataclass(frozen=True, slots=True)
class EnrollmentSettings:
    """[enrollment]: who gets a certificate over the network, by EST and by MQTT."""

    approval: bool = False
    """Somebody has to approve each new device, whatever token it shows."""

    days: int = 365
    """Life of a certificate, where a token or a label says nothing else."""

    late_renewal: int = 30
    """Days after its end for which a certificate still renews, and opens nothing else; 0: none."""

    server_keys: bool = False
    """Make keys here for devices that cannot make their own (EST serverkeygen). Such a key was in two places."""

    label: tuple[Label, ...] = ()
    """[[enrollment.label]]: profiles, by the name in the path."""


def read_https(table: Table, taken: AbstractSet[str]) -> HTTPSSettings:
    """The table [https]; `taken` are the addresses where MQTT is spoken."""
    table.expect_keys("listen", "profile")
    listen = read_addresses(table, HTTPSSettings().listen, taken, "MQTT is spoken there")
    return HTTPSSettings(listen, read_profile(table))


def read_enrollment(table: Table) -> EnrollmentSettings:
    """The table [enrollment]."""
    table.expect_keys("approval", "days", "late_renewal", "server_keys", "label")
    default = EnrollmentSettings()
    return EnrollmentSettings(
        approval=table.flag("approval", default.approval),
        days=int(table.number("days", default.days, 1, LONGEST_LIFE, whole=True)),
        late_renewal=int(table.number("late_renewal", default.late_renewal, 0, LONGEST_LATE, whole=True)),
        server_keys=table.flag("server_keys", default.server_keys),
        label=_read_labels(table),
    )


def _read_labels(enrollment: Table) -> tuple[Label, ...]:
    value: Any = enrollment.values.get("label", [])
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise enrollment.error(
            "label", "must be a list of tables", remedy="write [[enrollment.label]], in double brackets"
        )
    labels: list[Label] = []
    for number, each in enumerate(value, 1):
        table = Table(each, enrollment.source, f"[[enrollment.label]] {number}:")
        label = _read_label(table)
        if label.name in {known.name for known in labels}:
            raise table.error("name", f"{label.name!r} is taken already", remedy="give each label a name of its own")
        labels.append(label)
    return tuple(labels)


def _read_label(table: Table) -> Label:
    table.expect_keys("name", "prefix", "days", "approval")
    name = table.text("name")
    if name is None:
        raise table.error("name", "is missing", remedy='name = "line-1"')
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", name):
        raise table.error(
            "name",
            f"is {shown(name)}, which cannot stand in a path",
            remedy="up to 64 letters, digits, '-', '_' and '.'",
        )
    if name in OPERATIONS:
        raise table.error("name", f"is {shown(name)}, which is an operation of EST", remedy="choose another")
    days = table.number("days", 0, 1, LONGEST_LIFE, whole=True) if "days" in table.values else None
    return Label(
        name=name,
        prefix=table.text("prefix") or "",
        days=int(days) if days is not None else None,
        approval=table.flag("approval", False),
    )
