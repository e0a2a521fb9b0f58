"""A reload, seen from those who are connected: whom the new state no longer lets in, and why nothing has changed.

No link is cut that the new state still lets in. Cut is whose listener is gone (`Terms.admits`), and whose certificate
comes from an authority that stands in HOME/ca/device-ca.pem no more: that one is as good as revoked, so its will is
not spoken. What other rules do is told in broker/change.py.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from sealmq.broker.change import distrust
from sealmq.broker.gate import Denial, vouched
from sealmq.devices.accounts import Account
from sealmq.devices.directory import Directory
from sealmq.devices.records import Change
from sealmq.errors import Error
from sealmq.house import House
from sealmq.identity import Terms
from sealmq.mqtt.codes import ReasonCode

log = logging.getLogger("sealmq.server")

ACCOUNT_REMOVED = "its account was removed"
UNTRUSTED = "the authority of its certificate is not trusted any more"


def cut_who_may_not_stay(house: House, kept: Iterable[Terms], directory: Directory) -> None:
    """End the links that nobody would let in now. kept: what the listeners ask for that there are."""
    now = house.clock()
    distrust(house.broker, lambda identity: not identity.serial or directory.trusts(identity.serial), UNTRUSTED, now)
    for serial, links in list(house.by_serial.items()):
        if not directory.trusts(serial):
            for link in list(links):
                link.end(ReasonCode.ADMINISTRATIVE_ACTION, UNTRUSTED)
    kept = set(kept)
    for link in list(house.links):
        if not any(terms.admits(link.terms) for terms in kept):
            link.end(ReasonCode.ADMINISTRATIVE_ACTION, "no listener takes its kind of proof any more")


def cut_account(house: House, change: Change, account: Account | None) -> None:
    """End the links that came in by an account as it was. account: as it is now; None: it is gone."""
    for link in [link for link in house.links if link.account == change.device]:
        if change.kind == "removed":
            link.end(ReasonCode.ADMINISTRATIVE_ACTION, ACCOUNT_REMOVED)
        elif change.kind == "password":
            link.end(ReasonCode.ADMINISTRATIVE_ACTION, "its account has another password")
        elif account is not None:
            device = link.identity if link.identity is not None and link.identity.kind == "device" else None
            verdict = vouched(account.identity, device)
            if isinstance(verdict, Denial):
                link.end(ReasonCode.ADMINISTRATIVE_ACTION, verdict.why)


def tell_unchanged(error: Exception) -> str:
    """Say in the log that the broker goes on as before; returns why, with what to do behind "; next: "."""
    if isinstance(error, Error):
        why = f"{error.what}{f' ({error.why})' if error.why else ''}"
        why += f"; next: {error.remedy}" if error.remedy else ""
        log.error("nothing has changed: %s", why)
    elif isinstance(error, OSError):
        why = str(error)
        log.error("nothing has changed: %s", why)
    else:  # a mistake of ours must not end the service of everybody
        why = f"an error of the broker's own: {type(error).__name__}: {error}"
        log.error("nothing has changed: %s", why, exc_info=error)
    return why
