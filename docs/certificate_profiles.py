"""What our certificates contain, and where they differ from what RFC 5280 advises or pkilint expects: the data of
docs/reference/certificates.md. tests/conformance/test_certificates.py holds every certificate against it.
"""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from datetime import UTC, datetime

from sealmq.pki import profiles
from sealmq.pki.profiles import BACKDATE, LAST_UTC_TIME, PROFILES, Profile


@dataclass(frozen=True)
class Deviation:
    """One finding of pkilint that we let stand.

    code:     pkilint's name of it.
    profiles: the kinds of certificate that have it.
    about:    what the finding is about, as pkilint says it; "" when it says nothing.
    rule:     where the advice comes from.
    reason:   why we do it nevertheless.
    """

    code: str
    profiles: frozenset[str]
    about: str
    rule: str
    reason: str


LEAVES = frozenset(profile.name for profile in PROFILES if not profile.is_authority)

DEVIATIONS = (
    Deviation(
        "pkix.certificate_skid_end_entity_missing",
        LEAVES,
        "",
        "RFC 5280 section 4.2.1.2: a SHOULD",
        "Nothing ever points at a leaf's key, so nobody reads it: the TLS profile for the Internet of Things leaves it"
        " out, and each handshake of a small device is 31 bytes shorter.",
    ),
    Deviation(
        "pkix.invalid_uri_syntax",
        LEAVES - {"server"},
        "urn:uuid:",
        "pkilint's own: it expects a host name in each URI",
        "`urn:uuid:` is a URI of RFC 3986 with a scheme and a scheme-specific part, as RFC 5280 section 4.2.1.6 wants"
        " it, and the form of RFC 9562 section 4 for a UUID. No host name can be mistaken for it.",
    ),
    Deviation(
        "pkix.invalid_domain_name_syntax",
        frozenset({"server"}),
        "localhost",
        "pkilint's own: it expects a dot in each name",
        "A name of one label is in the preferred name syntax of RFC 1034 section 3.5, which RFC 5280 section 4.2.1.6"
        " asks for. A broker at home is called by its host name.",
    ),
    Deviation(
        "pkix.invalid_domain_name_syntax",
        frozenset({"server"}),
        "127.0.0.1",
        "RFC 5280 section 4.2.1.6: a dNSName is a host name",
        "Only with `addresses_as_dns_names = true` in sealmq.toml: Mbed TLS before 3.5 knows no address in a"
        " certificate and compares the text.",
    ),
)
"""All of them. A finding that is not here fails the test, and so does one that is here and does not occur."""


def page() -> str:
    """docs/reference/certificates.md."""
    lines = [
        "# Certificates",
        "",
        "Generated from `src/sealmq/pki/profiles.py` and `docs/certificate_profiles.py` by `docs/generate.py`.",
        "",
        "What each kind of certificate contains. Whatever a certificate request asks for, nothing else gets in: of a",
        "request only the public key is taken, and the common name to be compared.",
        "",
        f"| | {' | '.join(profile.name for profile in PROFILES)} |",
        f"|{' --- |' * (len(PROFILES) + 1)}",
        *(f"| {title} | {' | '.join(row(profile) for profile in PROFILES)} |" for title, row in _ROWS),
        "",
        *(f"- **{profile.name}**: {reason}" for profile, reason in _reasons()),
        "",
        "Common to all: X.509 version 3, serial numbers of 16 random octets, P-256 keys of the CAs and",
        "`ecdsa-with-SHA256` (a device's own key may be P-256, P-384, P-521, or RSA of 2,048 to 4,096 bits),",
        f"notBefore {BACKDATE // 3600} hour in the past, nothing beyond its issuer or {_last_day()}, no name",
        "constraints, no policies, no CRL distribution point, no AIA.",
        "The reasons stand in `src/sealmq/pki/profiles.py`.",
        "",
        "## Where they differ from what pkilint expects",
        "",
        "[pkilint](https://github.com/digicert/pkilint) (`lint_pkix_cert`, `lint_crl`) holds every kind of",
        "certificate, with every kind of key, and every CRL against RFC 5280",
        "(`tests/conformance/test_certificates.py`), and `openssl verify -x509_strict` says yes to all of them.",
        "These findings stand; there is no other above INFO.",
        "",
        "| finding | on | about | whose rule | why it is so |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| `{each.code}` | {', '.join(sorted(each.profiles))} | {f'`{each.about}`' if each.about else ''} |"
            f" {each.rule} | {each.reason} |"
            for each in DEVIATIONS
        ),
    ]
    return "\n".join(lines) + "\n"


def _life(profile: Profile) -> str:
    return f"{profile.years} years" if profile.years else f"{profile.days} days"


def _critical(text: str) -> str:
    return f"{text}, critical"


_ROWS = (
    ("life", _life),
    (
        "basicConstraints",
        lambda profile: _critical(
            f"CA:{str(profile.is_authority).upper()}"
            f"{f', pathlen:{profile.path_length}' if profile.path_length is not None else ''}"
        ),
    ),
    ("keyUsage", lambda profile: _critical(", ".join(map(_camel, sorted(profile.key_usage))))),
    ("extendedKeyUsage", lambda profile: profile.extended_key_usage or "none"),
    ("subjectKeyIdentifier", lambda profile: "yes" if profile.subject_key_id else "no"),
    ("authorityKeyIdentifier", lambda profile: "yes, the key's alone" if profile.authority_key_id else "no"),
)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)


def _last_day() -> str:
    return datetime.fromtimestamp(LAST_UTC_TIME, UTC).strftime("%Y-%m-%d")


def _reasons() -> list[tuple[Profile, str]]:
    """Each profile with the docstring below it."""
    body = ast.parse(inspect.getsource(profiles)).body
    found = []
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = getattr(profiles, node.targets[0].id, None)
            told = following.value if isinstance(following, ast.Expr) else None
            if isinstance(value, Profile) and isinstance(told, ast.Constant) and isinstance(told.value, str):
                found.append((value, inspect.cleandoc(told.value).replace("\n", " ")))
    return found
