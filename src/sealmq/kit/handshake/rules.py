"""What each certificate of a chain must be, rule by rule: each with the reason why this one is, or is not.

Rule 1: no rule reads a byte or checks a signature: it looks at Facts, and at the Path that chain.py found with them.
Rule 2: "bad" is what makes a client refuse: OpenSSL with X509_V_FLAG_X509_STRICT, as this project's clients and Python
        from 3.13 on set it. What only some refuse, or what costs, is a warning.
Rule 3: what holds for all is said once; what does not is said of each.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from sealmq.kit.handshake.certificates import ANY_USAGE, CLIENT_AUTH, SERVER_AUTH, Facts
from sealmq.kit.handshake.names import broken_constraint, check_name
from sealmq.kit.handshake.report import Rule, Verdict

Purpose = Literal["server", "client"]

DAY = 86400.0
SOON = 30  # days left from which on a certificate is said to end soon
LARGE_CHAIN = 4096  # bytes: Mbed TLS on small devices is often built with buffers of that size
LONG_SERVER_LIFE, LONG_CLIENT_LIFE = 398, 825  # days; a leaf beyond that is hard to get rid of
BEFORE_THIS = 1577836800.0  # 2020-01-01: a clock that says less was never set
SMALLEST_RSA, SMALLEST_EC = 2048, 256  # bits, RFC 9325 section 4.2

TITLES = {
    "readable": "Every certificate can be read",
    "order": "The chain is sent in order, with nothing superfluous",
    "signature": "Each certificate is signed by its issuer",
    "anchor": "The chain ends in an authority that is trusted",
    "dates": "It is valid now",
    "name": "It is made out for the name that was dialled",
    "purpose": "It may be used for this role",
    "usage": "Its key may sign a handshake",
    "issuers": "Whoever signs certificates is a CA, and may",
    "leaf": "The first certificate is not a CA",
    "path length": "No CA has more CAs below it than it may",
    "key": "The keys are large enough",
    "hash": "The signatures rest on a hash that holds",
    "version": "X.509 version 3",
    "serial": "Serial numbers are positive and short",
    "critical": "No critical extension is unknown",
    "key identifiers": "The key identifiers match",
    "profile": "The extensions are as RFC 5280 asks",
    "name constraints": "No CA limits names",
    "revocation": "It is not revoked",
    "lifetime": "It does not live too long",
    "size": "The chain is small",
}


@dataclass(frozen=True, slots=True)
class Path:
    """The way from the first certificate up, as a client goes it.

    members:   the first certificate, its issuer, and so on; the last one may be out of the file of authorities.
    end:       why it ends there: "anchor" (it is among the authorities), "intermediate" (it is, and is no root),
               "self-signed" (nobody above it, and it is not among them), "other key" (the authority of that name has
               another key), "signature" (the signature is not its issuer's), "missing" (its issuer was not found),
               "too long".
    """

    members: tuple[Facts, ...]
    end: str


def rule(id_: str, verdict: Verdict, reason: str, about: int | None = None) -> Rule:
    """A Rule with its title."""
    return Rule(id=id_, title=TITLES[id_], verdict=verdict, reason=reason, about=about)


def each_or_all(id_: str, found: Sequence[Rule], well: str) -> list[Rule]:
    """What is not as it must be; or once, in `well`, that all is."""
    return list(found) or [rule(id_, Verdict.OK, well)]


def judge_path(sent: Sequence[Facts], path: Path, *, name: str | None, now: float, purpose: Purpose) -> list[Rule]:
    """Every rule that needs no signature. sent: what came, all readable. now: Unix seconds."""
    leaf, issuers, members = path.members[0], path.members[1:], path.members
    return [
        *_order(sent, path),
        *_dates(members, now),
        _name(leaf, name, purpose),
        *_purposes(members, purpose),
        *_usage(leaf),
        *each_or_all("issuers", list(_issuers(issuers)), _all(issuers, "each is a CA and may sign certificates")),
        _leaf(leaf, path),
        *_path_length(members),
        *each_or_all("key", list(_keys(members)), ", ".join(dict.fromkeys(one.shown.key for one in members))),
        *each_or_all("hash", list(_hashes(members)), ", ".join(dict.fromkeys(one.shown.signature for one in members))),
        *each_or_all("version", list(_versions(members)), "all are"),
        *each_or_all("serial", list(_serials(members)), "all are"),
        *each_or_all("critical", list(_critical(members)), "everything critical in them is known"),
        *_key_identifiers(members),
        *each_or_all("profile", list(_profile(members)), "nothing in them that a strict client refuses"),
        *each_or_all("name constraints", list(_name_constraints(path)), _all(issuers, "no nameConstraints in them")),
        _lifetime(leaf, purpose),
        _size(sent),
    ]


def position(facts: Facts) -> int | None:
    """What a rule about it has in `about`: None for one out of the file of authorities."""
    return facts.shown.position if facts.shown.position >= 0 else None


def whose(facts: Facts) -> str:
    """How a sentence calls it, and where it comes from where that is not plain."""
    return facts.title if facts.shown.position >= 0 else f"{facts.title} in the file of authorities"


def day(moment: float) -> str:
    """A date, UTC."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _all(members: Sequence[Facts], words: str) -> str:
    return words if members else "there is none above the first one"


def _order(sent: Sequence[Facts], path: Path) -> list[Rule]:
    used = [one.shown.position for one in path.members if one.shown.position >= 0]
    seen: dict[bytes, int] = {}
    found = []
    for one in sent:
        place = one.shown.position
        spare = f" ({one.shown.size} bytes for nothing)"
        if one.der in seen:
            reason = f"{one.title} came twice" + spare
        elif place in used and place > 0 and one.self_issued:
            reason = (
                f"the root {one.title} was sent: whoever trusts it has it, and nobody else takes it from here" + spare
            )
        elif place not in used and one.self_issued and any(one.subject == each.subject for each in path.members):
            reason = f"the root {one.title} was sent: whoever trusts it has it" + spare
        elif place not in used and path.end in ("anchor", "intermediate"):
            reason = f"{one.title} is no part of the way to the authority" + spare
        elif place not in used:
            reason = f"{one.title} does not belong to the first certificate's issuers" + spare
        else:
            reason = ""
        seen.setdefault(one.der, place)
        if reason:
            found.append(rule("order", Verdict.WARNING, reason, place))
    if used != sorted(used):
        names = " before ".join(one.title for one in path.members if one.shown.position >= 0)
        reason = (
            f"it should be {names}: TLS 1.2 demands that order (RFC 5246 section 7.4.2), and small clients rely on it"
        )
        found.insert(0, rule("order", Verdict.WARNING, reason))
    return each_or_all(
        "order", found, "each certificate certifies the one before it" if len(sent) > 1 else "one was sent"
    )


def _dates(members: Sequence[Facts], now: float) -> Iterator[Rule]:
    if now < BEFORE_THIS:
        year = datetime.datetime.fromtimestamp(max(now, 0), datetime.UTC).year
        reason = f"the clock here says {year}: it was never set, and no date can be trusted"
        yield rule("dates", Verdict.WARNING, reason)
    for one in members:
        left = (one.not_after - now) / DAY
        if now < one.not_before:
            verdict = Verdict.BAD
            reason = f"{whose(one)} is valid from {day(one.not_before)} on, and the clock here says {day(now)}"
        elif left < 0:
            verdict = Verdict.BAD
            reason = f"{whose(one)} ended on {day(one.not_after)}, {_days(-left)} ago"
        elif left < min(SOON, (one.not_after - one.not_before) / DAY / 3):
            verdict = Verdict.WARNING
            reason = f"{whose(one)} ends on {day(one.not_after)}, in {_days(left)}"
        else:
            verdict = Verdict.OK
            reason = f"{whose(one)} is valid until {day(one.not_after)}, {_days(left)} more"
        yield rule("dates", verdict, reason, position(one))


def _days(count: float) -> str:
    whole, unit = int(count), "day"
    if not whole:
        whole, unit = int(count * 24), "hour"
    if not whole:
        whole, unit = int(count * 1440), "minute"
    return f"{whole} {unit}{'' if whole == 1 else 's'}"


def _name(leaf: Facts, name: str | None, purpose: Purpose) -> Rule:
    if purpose == "client":
        return rule("name", Verdict.NOT_TESTED, "a client is not dialled: the server decides what its name may do", 0)
    if not name:
        return rule("name", Verdict.NOT_TESTED, "nobody said which name was dialled", 0)
    verdict, reason = check_name(leaf, name)
    return rule("name", verdict, reason, 0)


def _purposes(members: Sequence[Facts], purpose: Purpose) -> Iterator[Rule]:
    wanted, other = (SERVER_AUTH, CLIENT_AUTH) if purpose == "server" else (CLIENT_AUTH, SERVER_AUTH)
    word = "serverAuth" if purpose == "server" else "clientAuth"
    for one in members:
        place = position(one)
        if one.purposes is None:
            if one is members[0]:
                reason = f"it has no extended key usage, so it may play {word} and every other role"
                yield rule("purpose", Verdict.WARNING, reason, place)
        elif wanted not in one.purposes:
            said = ", ".join(one.shown.extended_key_usages)
            more = "; OpenSSL does not take anyExtendedKeyUsage for it" if ANY_USAGE in one.purposes else ""
            yield rule("purpose", Verdict.BAD, f"{whose(one)} is for {said} alone, and not for {word}{more}", place)
        elif one is not members[0]:
            continue
        elif other in one.purposes or ANY_USAGE in one.purposes:
            reason = "it is for both roles: whoever takes a device's certificate can play the broker, and the reverse"
            yield rule("purpose", Verdict.WARNING, reason, place)
        else:
            yield rule("purpose", Verdict.OK, f"its extended key usage says {word}", place)


def _usage(leaf: Facts) -> Iterator[Rule]:
    if leaf.usages is None:
        yield rule("usage", Verdict.WARNING, "it has no key usage, so its key may do everything", 0)
    elif "digitalSignature" in leaf.usages:
        yield rule("usage", Verdict.OK, "its key usage says digitalSignature", 0)
    elif leaf.usages & {"keyEncipherment", "keyAgreement"}:
        said = ", ".join(sorted(leaf.usages))
        reason = f"its key usage says {said} and not digitalSignature, which TLS 1.3 and every ECDHE suite need"
        yield rule("usage", Verdict.WARNING, reason, 0)
    else:
        said = ", ".join(sorted(leaf.usages)) or "nothing"
        yield rule("usage", Verdict.BAD, f"its key usage says {said}, and not digitalSignature", 0)


def _issuers(issuers: Sequence[Facts]) -> Iterator[Rule]:
    for one in issuers:
        reason = ""
        if one.version == 1 and one.self_issued and one.shown.position < 0:
            continue  # a root of old: OpenSSL takes it for a CA, and the version is said elsewhere
        if one.basic is None:
            reason = f"{whose(one)} signed a certificate and has no basicConstraints that make it a CA"
        elif not one.is_ca:
            reason = f"{whose(one)} signed a certificate and is no CA (basicConstraints says CA:FALSE)"
        elif one.usages is not None and "keyCertSign" not in one.usages:
            reason = f"{whose(one)} is a CA whose key usage does not say keyCertSign"
        if reason:
            yield rule("issuers", Verdict.BAD, reason, position(one))


def _leaf(leaf: Facts, path: Path) -> Rule:
    if leaf.is_ca:
        own = "it is a CA of its own: " if len(path.members) == 1 else "it is a CA: "
        reason = own + "whoever has this key can issue certificates that its clients take"
        return rule("leaf", Verdict.WARNING, reason, 0)
    said = "basicConstraints says CA:FALSE" if leaf.basic is not None else "it has no basicConstraints"
    return rule("leaf", Verdict.OK, said, 0)


def _path_length(members: Sequence[Facts]) -> list[Rule]:
    found, below = [], 0
    for one in members[1:]:
        if one.basic is not None and one.basic[1] is not None and below > one.basic[1]:
            reason = f"{whose(one)} may have {one.basic[1]} CAs below it, and has {below}"
            found.append(rule("path length", Verdict.BAD, reason, position(one)))
        below += not one.self_issued  # RFC 5280 section 6.1.4 (l)
    said = [f"{one.title} at most {one.basic[1]}" for one in members if one.basic and one.basic[1] is not None]
    return each_or_all("path length", found, "; ".join(said) if said else "no CA sets a limit")


def _keys(members: Sequence[Facts]) -> Iterator[Rule]:
    for one in members:
        if one.key_kind == "RSA":
            small = one.key_bits < SMALLEST_RSA
        elif one.key_kind == "EC":
            small = one.key_bits < SMALLEST_EC
        else:
            small = one.key_kind in ("", "DSA")  # DSA: no TLS 1.3, and nobody's default in 1.2
        if small:
            reason = f"{whose(one)} has {one.shown.key}: at least RSA {SMALLEST_RSA} or P-{SMALLEST_EC} (RFC 9325)"
            yield rule("key", Verdict.BAD, reason, position(one))


def _hashes(members: Sequence[Facts]) -> Iterator[Rule]:
    for one in members:
        top = one is members[-1] and one.self_issued
        if one.hash in ("MD5", "SHA-1", "unknown") and not top:  # nobody relies on a root's own signature
            reason = f"{whose(one)} is signed by {one.shown.signature}: collisions can be made, and clients refuse it"
            if one.hash == "unknown":
                reason = f"{whose(one)} is signed by {one.shown.signature}"
            yield rule("hash", Verdict.BAD, reason, position(one))


def _versions(members: Sequence[Facts]) -> Iterator[Rule]:
    for one in members:
        if one.version < 3:
            bad = one.extensions > 0 and len(members) > 1
            reason = f"{whose(one)} is of version {one.version}, which knows no extensions, so no names and no roles"
            yield rule("version", Verdict.BAD if bad else Verdict.WARNING, reason, position(one))


def _serials(members: Sequence[Facts]) -> Iterator[Rule]:
    for one in members:
        if one.serial <= 0 or one.serial.bit_length() > 159:
            what = "not positive" if one.serial <= 0 else "longer than 20 bytes"
            reason = f"{whose(one)} has a serial number that is {what} (RFC 5280 section 4.1.2.2)"
            yield rule("serial", Verdict.WARNING, reason, position(one))


def _critical(members: Sequence[Facts]) -> Iterator[Rule]:
    for one in members:
        if one.unknown:
            reason = f"{whose(one)} demands that {', '.join(one.unknown)} be understood, and TLS libraries do not"
            yield rule("critical", Verdict.BAD, reason, position(one))
        if one.broken:
            reason = f"{whose(one)} has an extension that cannot be read: {', '.join(one.broken)}"
            yield rule("critical", Verdict.BAD, reason, position(one))


def _key_identifiers(members: Sequence[Facts]) -> list[Rule]:
    found = []
    for one, above in pairwise(members):
        mine, its = one.authority_key_id, above.subject_key_id
        if mine is not None and its is not None and mine != its:
            reason = (
                f"{whose(one)} says that key {mine.hex()[:16]}... signed it, and the key of {whose(above)} calls "
                f"itself {its.hex()[:16]}...: there are two CAs of that name"
            )
            found.append(rule("key identifiers", Verdict.BAD, reason, position(one)))
    return each_or_all("key identifiers", found, "each names the key of its issuer, or none")


def _profile(members: Sequence[Facts]) -> Iterator[Rule]:
    if len(members) < 2:  # strictness begins with a second certificate
        return
    for one in members:
        for true, words in _oddities(one, last=one is members[-1]):
            if true:
                reason = f"{whose(one)} {words}: strict clients (Python from 3.13 on) refuse it, others take it"
                yield rule("profile", Verdict.WARNING, reason, position(one))


def _oddities(one: Facts, *, last: bool) -> Iterator[tuple[bool, str]]:
    """RFC 5280 sections 4.1.2.4 to 4.2.1.9, as far as OpenSSL looks when it is strict."""
    if one.version < 3:
        return
    signs = "keyCertSign" in (one.usages or ())
    ca = one.is_ca
    yield ca and "2.5.29.19" not in one.marked, "is a CA whose basicConstraints are not critical"
    yield ca and one.usages is None, "is a CA without key usage"
    yield ca and one.subject_key_id is None, "is a CA without subjectKeyIdentifier"
    yield not ca and signs, "is no CA, and its key usage says keyCertSign"
    yield not ca and one.basic is not None and one.basic[1] is not None, "is no CA and has a path length"
    yield not last and one.authority_key_id is None, "has no authorityKeyIdentifier"
    yield "2.5.29.35" in one.marked, "has a critical authorityKeyIdentifier"
    yield "2.5.29.14" in one.marked, "has a critical subjectKeyIdentifier"
    yield not one.subject and (ca or not one.has_names), "has an empty subject"
    yield not one.subject and one.has_names and "2.5.29.17" not in one.marked, "has no subject, and names not critical"
    yield not one.issuer, "has an empty issuer"


def _name_constraints(path: Path) -> Iterator[Rule]:
    leaf = path.members[0]
    for one in path.members[1:]:
        if one.constraints is None:
            continue
        forbidden = broken_constraint(one.constraints, leaf)
        if forbidden:
            reason = f"{whose(one)} may not issue for {forbidden!r}, which stands in {leaf.title}"
            yield rule("name constraints", Verdict.BAD, reason, position(one))
        else:
            more = "; it limits other kinds of names too, which was not tested" if one.constraints.other else ""
            reason = f"{whose(one)} has nameConstraints: Mbed TLS can't read such a certificate and ends there{more}"
            yield rule("name constraints", Verdict.WARNING, reason, position(one))


def _lifetime(leaf: Facts, purpose: Purpose) -> Rule:
    life = (leaf.not_after - leaf.not_before) / DAY
    most = LONG_SERVER_LIFE if purpose == "server" else LONG_CLIENT_LIFE
    reason = f"it is given for {_days(life)}"
    if life > most:
        reason += f", more than {most}: who takes its key has it as long, unless lists of revoked ones are looked at"
    return rule("lifetime", Verdict.WARNING if life > most else Verdict.OK, reason, 0)


def _size(sent: Sequence[Facts]) -> Rule:
    total = sum(one.shown.size for one in sent)
    many = f"{len(sent)} certificate{'' if len(sent) == 1 else 's'}, {total} bytes"
    if total > LARGE_CHAIN:
        return rule("size", Verdict.WARNING, f"{many}: more than {LARGE_CHAIN} is hard on a device with small buffers")
    return rule("size", Verdict.OK, many)
