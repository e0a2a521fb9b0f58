"""Is a certificate made out for the name that was dialled: RFC 9525, and what today's libraries make of it.

Rule 1: only subjectAltName counts (RFC 9525 section 2). A CN is a warning where there is no dNSName: OpenSSL takes it,
        and many others do not.
Rule 2: a wildcard is a whole label, the leftmost, and stands for exactly one (section 6.3).
Rule 3: an address is compared with iPAddress names alone, never with dNSName or CN (section 6.5).
"""

from __future__ import annotations

import ipaddress
import re

from sealmq.kit.handshake.certificates import Constraints, Facts, printable
from sealmq.kit.handshake.report import Verdict

_COVERED = re.compile(r"[0-9a-z-]+")
_BEHIND_STAR = re.compile(r"[0-9a-z](?:[0-9a-z-]*[0-9a-z])?(?:\.[0-9a-z](?:[0-9a-z-]*[0-9a-z])?)+")
"""As OpenSSL takes a wildcard: for a label of these characters, before two labels or more."""
_SHOWN = 5  # names of the certificate that a sentence lists


def check_name(leaf: Facts, name: str) -> tuple[Verdict, str]:
    """Verdict and reason. name: DNS name or address that was dialled."""
    address = as_address(name)
    if address is not None:
        return _check_address(leaf, address)
    wanted = as_ascii(name)
    for each in leaf.dns:
        if matches(each, wanted):
            how = "covers" if each.startswith("*") else "is"
            return Verdict.OK, f"the name {printable(each)!r} in it {how} {printable(name)!r}, which was dialled"
    if leaf.dns:
        return Verdict.BAD, f"{printable(name)!r} was dialled, and it is made out for {_listed(leaf)}" + _hint(
            leaf, wanted
        )
    for common in leaf.common_names:
        if matches(common, wanted):
            return Verdict.WARNING, (
                f"only its CN is {printable(common)!r}, and no name stands in subjectAltName: OpenSSL takes it, many "
                "others do not (RFC 9525 section 2)"
            )
    if not leaf.has_names:
        return Verdict.BAD, f"it has no subjectAltName, and its CN is not {printable(name)!r}"
    return Verdict.BAD, f"{printable(name)!r} was dialled, and it is made out for {_listed(leaf)}"


def matches(pattern: str, name: str) -> bool:
    """Does a dNSName of a certificate cover this name? Case does not count (RFC 9525 section 6.3).

    What is not ASCII covers nothing, and a dot at the end belongs to no dNSName: OpenSSL takes neither.
    """
    if not pattern or not pattern.isascii() or not name.isascii():
        return False
    pattern, name = pattern.lower(), name.lower()
    if not pattern.startswith("*."):
        return "*" not in pattern and pattern == name
    first, _, others = name.partition(".")
    return bool(_COVERED.fullmatch(first)) and others == pattern[2:] and bool(_BEHIND_STAR.fullmatch(others))


def as_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that was dialled, None where it is a name."""
    try:
        return ipaddress.ip_address(name.strip("[]").partition("%")[0])
    except ValueError:
        return None


def as_ascii(name: str) -> str:
    """A name as it stands in certificates: no dot at its end, A-labels."""
    name = name.rstrip(".")
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def broken_constraint(limits: Constraints, leaf: Facts) -> str:
    """The name of a certificate that a CA's nameConstraints forbid, "" for none (RFC 5280 section 4.2.1.10)."""
    names = leaf.dns or leaf.common_names  # as OpenSSL does, for a CN may be taken for a name
    for each in names:
        permitted = not limits.permitted_dns or any(_below(each, tree) for tree in limits.permitted_dns)
        looks_like_a_name = each in leaf.dns or ("." in each and " " not in each)
        if looks_like_a_name and (not permitted or any(_below(each, tree) for tree in limits.excluded_dns)):
            return printable(each)
    for address in leaf.addresses:
        permitted = not limits.permitted_networks or any(address in net for net in limits.permitted_networks)
        if not permitted or any(address in net for net in limits.excluded_networks):
            return str(address)
    return ""


def _below(name: str, tree: str) -> bool:
    """Is a name the subtree's, or below it?"""
    name, tree = name.lower().rstrip("."), tree.lower()
    if tree.startswith("."):
        return name.endswith(tree)
    return not tree or name == tree or name.endswith("." + tree)


def _check_address(leaf: Facts, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[Verdict, str]:
    if address in leaf.addresses:
        return Verdict.OK, f"the address {address} stands in it"
    if str(address) in leaf.dns:
        return Verdict.BAD, f"{address} stands in it as a dNSName; an address counts only as an iPAddress"
    if str(address) in leaf.common_names:
        return Verdict.BAD, f"{address} stands only in its CN; an address counts only as an iPAddress in subjectAltName"
    return Verdict.BAD, f"the address {address} was dialled, and it is made out for {_listed(leaf)}"


def _listed(leaf: Facts) -> str:
    names = [name.partition(":")[2] if name.startswith(("DNS:", "IP:")) else name for name in leaf.shown.names]
    if not names:
        return f"no name but its CN, {leaf.title}" if leaf.common_names else "no name at all"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _hint(leaf: Facts, wanted: str) -> str:
    """Why a wildcard that looks right is not."""
    for each in leaf.dns:
        low = each.lower()
        if low == "*":
            return "; a wildcard alone covers nothing"
        if low.startswith("*.") and wanted.lower().endswith(low[1:]):
            return "; a wildcard stands for one label"
        if low.startswith("*.") and wanted.lower() == low[2:]:
            return "; a wildcard does not cover the name behind it"
        if "*" in low and not low.startswith("*."):
            return "; a wildcard must be a whole label, the leftmost"
    if any(common.lower() == wanted.lower() for common in leaf.common_names):
        return "; its CN would fit, but does not count where it has names"
    return ""
