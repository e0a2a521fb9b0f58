"""The next generation of CAs, and the certificates that lead from one root to the other (RFC 4210 section 4.4).

    new with old   the new root's key, signed by the old root: whoever knows the old root alone verifies what is new
    old with new   the old root's key, signed by the new root: whoever knows the new root alone verifies what is old

Pure: no file, no clock. Who makes the change of it is rolling_over.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from cryptography.x509.oid import NameOID

from sealmq.pki.authority import (
    Authority,
    Certificate,
    _builder,
    _finished,
    _sign,
    create_issuing,
    create_root,
    new_serial,
)
from sealmq.pki.keys import PrivateKey
from sealmq.pki.profiles import CROSS, Validity, validity

NewKey = Callable[[str], PrivateKey]
"""Makes a key for a CA, by a label for where keys have one."""


@dataclass(frozen=True, slots=True)
class Cross:
    """A root's key, signed by another root."""

    certificate: Certificate
    subject: Authority
    issuer: Authority


@dataclass(frozen=True, slots=True)
class Generation:
    """A new root with its issuing CAs (name of their files -> CA), and what ties it to the root before."""

    root: Authority
    issuing: dict[str, Authority]
    new_with_old: Cross
    old_with_new: Cross


def next_generation(
    old: Authority, kinds: dict[str, str], known: Collection[str], new_key: NewKey, *, now: float
) -> Generation:
    """Make a root and issuing CAs that follow `old`. `now` in Unix seconds.

    kinds: the issuing CAs: name of their files -> the word in their common name.
    known: common names that CAs have or had.
    Raises TrustError when the old root does not hold at `now`.
    """
    organization, country = (_attribute(old, oid) for oid in (NameOID.ORGANIZATION_NAME, NameOID.COUNTRY_NAME))
    root = create_root(organization, country, serial=new_serial(), now=now, key=new_key("Root CA"), taken=known)
    return Generation(
        root,
        {name: next_issuing(root, kind, known, new_key, now=now) for name, kind in kinds.items()},
        cross_certify(root, old, now=now),
        cross_certify(old, root, now=now),
    )


def next_issuing(root: Authority, kind: str, known: Iterable[str], new_key: NewKey, *, now: float) -> Authority:
    """Make an issuing CA whose number none of this kind has had: a CRL is found by its issuer's name."""
    numbers = [int(match[1]) for name in known if (match := re.search(rf" {kind} CA ([0-9]{{1,6}})$", name))]
    number = max(numbers, default=0) + 1
    return create_issuing(root, kind, serial=new_serial(), now=now, number=number, key=new_key(f"{kind} CA {number}"))


def cross_certify(subject: Authority, issuer: Authority, *, now: float) -> Cross:
    """Certify one root's key by another root. Holds as long as both do. `now` in Unix seconds."""
    when = validity(CROSS, now, issuer=issuer.certificate.validity)
    last = min(when.not_after, subject.certificate.validity.not_after)
    names = (subject._x509.subject, issuer._x509.subject)
    builder = _builder(CROSS, *names, subject.key.public, new_serial(), Validity(when.not_before, last), issuer.key_id)
    return Cross(_finished(_sign(issuer, builder)), subject, issuer)


def _attribute(authority: Authority, oid: object) -> str:
    return str(authority._x509.subject.get_attributes_for_oid(oid)[0].value)  # type: ignore[arg-type]
