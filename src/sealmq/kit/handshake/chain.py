"""A chain of certificates, judged as a client judges it: the way up, each signature on it, revocation, and the rules.

Rule 1: the way is the one that OpenSSL takes: an issuer among the authorities goes before one that was sent, one whose
        key identifier fits before one whose does not, above an authority only authorities, and there is no way back.
Rule 2: an authority in the file that is no root is an end of the way too, with a warning: not every client takes it.
Rule 3: `trusted` is True where the way ends in an authority and no rule is bad. Small keys count, as with OpenSSL's
        security level 2.
Rule 4: work is bounded: LONGEST certificates, TRIES issuers for each.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterator, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.certificates import Facts, load, read_authorities, read_facts
from sealmq.kit.handshake.report import Chain, Rule, Verdict
from sealmq.kit.handshake.rules import TITLES, Path, Purpose, day, judge_path, position, rule, whose
from sealmq.pem import blocks

LONGEST = 16  # certificates of a chain that are looked at
TRIES = 8  # certificates of the right name that are tried as issuer of one

_REFUSALS = (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.InvalidVersion)


def judge(
    sender: Sender,
    chain: tuple[bytes, ...],
    *,
    authorities: bytes | None,
    name: str | None,
    now: float,
    purpose: Purpose,
    crl: bytes | None = None,
) -> Chain:
    """The certificates that one end showed, and each rule with its reason (RFC 5280 section 6, RFC 9525).

    chain:       DER of each, the end's own first, as they came.
    authorities: PEM of those that are trusted; None: there is nothing to judge by, and `trusted` is None.
    name:        DNS name or address that was dialled. now: Unix seconds. purpose: the role of who showed the chain.
    crl:         lists of revoked certificates, PEM, or one as DER; None: revocation is not tested.
    Raises nothing, whatever the bytes are.
    """
    all_facts = [read_facts(der, place) for place, der in enumerate(chain[:LONGEST])]
    shown = tuple(facts.shown for facts in all_facts)
    rules = list(_readable(all_facts, len(chain)))
    if not all_facts or all_facts[0].trouble:
        trusted = None if authorities is None else False
        sentence = f"The {sender} showed no certificate" if not chain else "The first certificate cannot be read"
        return Chain(sender=sender, certificates=shown, rules=tuple(rules), trusted=trusted, sentence=sentence)
    sent = [facts for facts in all_facts if not facts.trouble]
    anchors = None if authorities is None else read_authorities(authorities)
    path, signatures = _climb(sent, anchors or ())
    rules += signatures
    rules.append(_anchor(path, anchors, sender))
    rules += judge_path(sent, path, name=name, now=now, purpose=purpose)
    rules += _revocation(path, crl, now)
    rules.sort(key=lambda one: list(TITLES).index(one.id))
    bad = [one for one in rules if one.verdict is Verdict.BAD]
    trusted = None if anchors is None else not bad and path.end in ("anchor", "intermediate")
    sentence = _sum(sender, path, trusted, rules, name if purpose == "server" else None)
    return Chain(sender=sender, certificates=shown, rules=tuple(rules), trusted=trusted, sentence=sentence)


def signed_by(child: Facts, issuer: Facts) -> str:
    """Why the signature of `child` is not by the key of `issuer`; "" where it is."""
    try:
        below, above = load(child.der), load(issuer.der)
        try:
            below.verify_directly_issued_by(above)
        except (ValueError, UnsupportedAlgorithm):
            # It takes no SHA-1, and no name that is the same in a string of another type (RFC 5280 section 7.1).
            _check_signature(below, above)
    except InvalidSignature:
        return f"the signature of {child.title} is not by the key of {whose(issuer)}"
    except _REFUSALS as error:
        return f"the signature of {child.title} cannot be checked: {error}"
    return ""


def _check_signature(below: x509.Certificate, above: x509.Certificate) -> None:
    key, parameters = above.public_key(), below.signature_algorithm_parameters
    if isinstance(key, rsa.RSAPublicKey) and not isinstance(parameters, ec.ECDSA | None):
        assert below.signature_hash_algorithm is not None
        key.verify(below.signature, below.tbs_certificate_bytes, parameters, below.signature_hash_algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(parameters, ec.ECDSA):
        key.verify(below.signature, below.tbs_certificate_bytes, parameters)
    else:
        raise ValueError("the key of its issuer is of another kind")


def _readable(found: Sequence[Facts], count: int) -> Iterator[Rule]:
    if not found:
        yield rule("readable", Verdict.BAD, "no certificate was shown")
    for one in found:
        if one.trouble:
            verdict = Verdict.WARNING if one.shown.position else Verdict.BAD
            yield rule("readable", verdict, f"this is no certificate: {one.trouble}", one.shown.position)
    if count > LONGEST:
        yield rule("readable", Verdict.WARNING, f"{count} were sent, and the first {LONGEST} were looked at")
    elif found and not any(one.trouble for one in found):
        yield rule("readable", Verdict.OK, f"{count} of {count}")


def _climb(sent: Sequence[Facts], anchors: Sequence[Facts]) -> tuple[Path, list[Rule]]:
    """The way up from the first certificate, and what each signature on it is."""
    trusted = {one.der for one in anchors}
    came = {one.der: one for one in reversed(sent)}
    anchors = [came.get(one.der, one) for one in anchors]  # what was sent is spoken of by its place in the chain
    members, rules = [sent[0]], list[Rule]()
    end, enough = "", 0  # enough: members up to the first that is among the authorities
    while not end:
        here = members[-1]
        if not enough and here.der in trusted:
            enough = len(members)
        if _is_root(here) and (here.der in trusted or not signed_by(here, here)):
            named_so = any(one.subject == here.subject for one in anchors)
            end = "anchor" if here.der in trusted else "other key" if named_so else "self-signed"
            break
        issuer, why = _issuer_of(here, () if enough else sent, anchors, members)
        if issuer is None:
            end = "missing"
        elif why:
            rules.append(rule("signature", Verdict.BAD, why, position(here)))
            end = "other key" if issuer.der in trusted else "signature"
            members.append(issuer)
        else:
            reason = f"{whose(here)} is signed by the key of {whose(issuer)}, {here.shown.signature}"
            rules.append(rule("signature", Verdict.OK, reason, position(here)))
            members.append(issuer)
            end = "too long" if len(members) > LONGEST else ""
    if end != "anchor" and enough:
        return Path(tuple(members[:enough]), "intermediate"), rules[: enough - 1]
    return Path(tuple(members), end), rules


def _is_root(one: Facts) -> bool:
    """Does it say that it signed itself? One that names another key did not, for OpenSSL."""
    return one.self_issued and one.authority_key_id in (None, one.subject_key_id or one.authority_key_id)


def _issuer_of(
    child: Facts, sent: Sequence[Facts], anchors: Sequence[Facts], members: Sequence[Facts]
) -> tuple[Facts | None, str]:
    """Who signed it, and ""; or the likeliest of those who bear that name, and why it is none of them."""

    def rank(one: Facts) -> tuple[bool, bool, bool]:
        mine, its = child.authority_key_id, one.subject_key_id
        other_key = mine is not None and its is not None and mine != its
        return other_key, one.der not in trusted, not one.is_ca

    trusted, taken = {one.der for one in anchors}, {one.der for one in members}
    either = {one.der: one for one in (*sent, *anchors)}.values()
    bearers = [one for one in either if one.subject == child.issuer and one.der not in taken]
    first, why = None, ""
    for one in sorted(bearers, key=rank)[:TRIES]:
        trouble = signed_by(child, one)
        if not trouble:
            return one, ""
        if first is None:
            first, why = one, trouble
    return first, why


def _anchor(path: Path, anchors: Sequence[Facts] | None, sender: Sender) -> Rule:
    top = path.members[-1]
    if anchors is None:
        there = f"the chain ends with {top.title}"
        if path.end == "missing":
            there += f", issued by {top.issuer_title}, which was not sent"
        return rule("anchor", Verdict.NOT_TESTED, f"{there}; no authority was given to check it by (--cafile)")
    if path.end == "anchor":
        return rule("anchor", Verdict.OK, f"it ends in {top.title}, which is among the authorities you gave")
    if path.end == "intermediate":
        reason = (
            f"it ends in {top.title}, which is among the authorities you gave, but is no root: Python from 3.13 on "
            "and Mbed TLS take that, OpenSSL only with X509_V_FLAG_PARTIAL_CHAIN"
        )
        return rule("anchor", Verdict.WARNING, reason)
    return rule("anchor", Verdict.BAD, _no_anchor(path, anchors, sender))


def _no_anchor(path: Path, anchors: Sequence[Facts], sender: Sender) -> str:
    top = path.members[-1]
    if not anchors:
        return "the file of authorities that you gave has no certificate in it"
    others = f" and {len(anchors) - 3} more" if len(anchors) > 3 else ""
    known = ", ".join(dict.fromkeys(one.title for one in anchors[:3])) + others
    if path.end == "other key":
        return f"there is an authority {top.title} among those you gave, but with another key: perhaps it was made anew"
    if path.end == "self-signed" and len(path.members) == 1:
        return f"{top.title} signed itself, and is not among the authorities you gave: {known}"
    if path.end == "self-signed":
        return f"it ends in {top.title}, which is not among the authorities you gave: {known}"
    if path.end == "missing":
        return (
            f"{top.title} is issued by {top.issuer_title}, which the {sender} did not send, and which is not among the "
            f"authorities you gave: {known}"
        )
    if path.end == "signature":
        return "the chain breaks at a signature that is not its issuer's"
    return f"the chain has more than {LONGEST} certificates"


def _revocation(path: Path, crl: bytes | None, now: float) -> list[Rule]:
    leaf = path.members[0]
    if crl is None:
        listed = " or ".join(leaf.listed)
        there = f"; the certificate names {listed}" if listed else ""
        reason = f"a list of revoked certificates (CRL) of {leaf.issuer_title} would be needed{there}"
        return [rule("revocation", Verdict.NOT_TESTED, reason, 0)]
    lists = _lists(crl)
    if not lists:
        return [rule("revocation", Verdict.BAD, "the list of revoked certificates that you gave cannot be read", 0)]
    found = []
    for one, issuer in zip(path.members, path.members[1:], strict=False):
        found += _revoked(one, issuer, lists, now)
    if not any(each.about == 0 for each in found):
        reason = f"no list that you gave is signed by {leaf.issuer_title}: a client that demands one refuses"
        found.insert(0, rule("revocation", Verdict.BAD, reason, 0))
    return found


def _lists(crl: bytes) -> list[x509.CertificateRevocationList]:
    """Those that can be read; [] where one cannot."""
    try:
        if b"-----BEGIN" in crl:
            return [x509.load_der_x509_crl(a2b_base64(text)) for label, text in blocks(crl) if label == "X509 CRL"]
        return [x509.load_der_x509_crl(crl)]
    except (*_REFUSALS, Base64Error):
        return []


def _revoked(one: Facts, issuer: Facts, lists: Sequence[x509.CertificateRevocationList], now: float) -> list[Rule]:
    """What the newest list of its issuer says of it; [] where there is no such list."""
    own = [each for each in lists if _is_list_of(each, issuer)]
    if not own:
        return []
    newest = max(own, key=lambda each: each.last_update_utc)
    until = newest.next_update_utc
    entry = newest.get_revoked_certificate_by_serial_number(one.serial) if one.serial > 0 else None
    verdict = Verdict.BAD
    if entry is not None:
        reason = f"{whose(one)} was revoked on {day(entry.revocation_date_utc.timestamp())}"
    elif newest.last_update_utc.timestamp() > now:
        reason = (
            f"the list of {issuer.title} is of {day(newest.last_update_utc.timestamp())}, and the clock says {day(now)}"
        )
    elif until is not None and until.timestamp() < now:
        reason = (
            f"the list of {issuer.title} ended on {day(until.timestamp())}: a client that looks at it refuses everyone"
        )
    else:
        verdict, since = Verdict.OK, day(newest.last_update_utc.timestamp())
        reason = f"{whose(one)} is not in the list of {issuer.title} of {since}"
    return [rule("revocation", verdict, reason, position(one))]


def _is_list_of(crl: x509.CertificateRevocationList, issuer: Facts) -> bool:
    try:
        above = load(issuer.der)
        return crl.issuer == above.subject and crl.is_signature_valid(above.public_key())  # type: ignore[arg-type]
    except _REFUSALS:
        return False


def _sum(sender: Sender, path: Path, trusted: bool | None, rules: Sequence[Rule], name: str | None) -> str:
    """All of it in one sentence."""
    leaf, top = path.members[0], path.members[-1]
    bad = list(dict.fromkeys(one.id for one in rules if one.verdict is Verdict.BAD))
    why = next((one.reason for one in rules if one.id in bad and one.verdict is Verdict.BAD), "")
    count = len(bad) - 1
    more = f" ({count} more rule{'' if count == 1 else 's'} broken: {', '.join(bad[1:])})" if count > 0 else ""
    if trusted:
        warned = len({one.id for one in rules if one.verdict is Verdict.WARNING})
        tail = f"; {warned} warning{'' if warned == 1 else 's'}" if warned else ""
        proves = f"the name {name!r}" if name else leaf.title
        via = "itself" if top is leaf else top.title
        return f"The {sender}'s certificate stands for {proves}, and {via} vouches for it{tail}"
    if trusted is None:
        return (
            f"No authority was given to check it by; apart from that: {why}{more}"
            if bad
            else "No authority was given to check it by; the rest is in order"
        )
    return f"A client refuses it: {why}{more}" if sender is Sender.SERVER else f"A broker refuses it: {why}{more}"
