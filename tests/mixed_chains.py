"""Chains with several mistakes at once, by the dice: what nobody thought of."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certificates import DAY, NOW
from chains import CLIENT, SERVER, UNKNOWN, Case, Made, make, usage

_ANY = x509.ObjectIdentifier("2.5.29.37.0")
_USAGES = ("digital_signature", "key_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
_HOSTS: tuple[tuple[str, ...], ...] = (("localhost",), ("localhost", "x.org"), ("*.example.org",), ("x",))


def mixed(seed: int) -> Case:
    """A chain of up to four, its authorities and the name that was dialled. The case says nothing of what is bad."""
    dice = random.Random(seed)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    root = make("Root", ca=True, change=_changes(dice, ca=True), key=keys[0], **_dates(dice))
    names = ["Root" if dice.random() < 0.05 else "A", "A" if dice.random() < 0.08 else "B"]
    issuer, between = root, list[Made]()
    for name, key in zip(names[: dice.randrange(3)], keys[1:], strict=False):
        length = dice.choice([None, None, 0, 1])
        issuer = make(
            name, issuer, ca=True, change=_changes(dice, ca=True), key=key, path_length=length, **_dates(dice)
        )
        between.insert(0, issuer)
    leaf = make("localhost", issuer, hosts=dice.choice(_HOSTS), change=_changes(dice, ca=False), **_dates(dice))
    other = make("Root", ca=True)
    trusted = dice.choice([[root], [root], [root], [root], [other], [other, root], [root, *between[:1]]])
    if between and dice.random() < 0.15:
        between.pop(dice.randrange(len(between)))
    if dice.random() < 0.2:
        between.append(dice.choice([root, other]))
    if dice.random() < 0.3:
        dice.shuffle(between)
    return Case(
        f"mixture {seed}", (leaf.der, *(one.der for one in between)), b"".join(one.pem for one in trusted),
        name=dice.choice(["localhost"] * 6 + ["a.example.org"]),
    )  # fmt: skip


def _dates(dice: random.Random) -> dict[str, Any]:
    number = dice.random()
    if number < 0.03:
        return {"begins": NOW - 90 * DAY, "ends": NOW - DAY}
    return {"begins": NOW + DAY} if number < 0.05 else {}


def _changes(dice: random.Random, *, ca: bool) -> Callable[[dict[str, Any]], None]:
    def change(extensions: dict[str, Any]) -> None:
        for _ in range(dice.choice([0, 0, 0, 0, 0, 1, 1, 2])):
            name = dice.choice([*extensions, "odd", "limits"])
            if name == "odd":
                extensions[name] = (UNKNOWN, dice.random() < 0.5)
            elif name == "limits":
                if ca:
                    extensions[name] = (_limits(dice), True)
            elif extensions[name] is not None:
                _spoil(dice, extensions, name, ca=ca)

    return change


def _limits(dice: random.Random) -> x509.NameConstraints:
    tree = [x509.DNSName(dice.choice(["localhost", "example.org", "org"]))]
    return x509.NameConstraints(tree, None) if dice.random() < 0.5 else x509.NameConstraints(None, tree)


def _spoil(dice: random.Random, extensions: dict[str, Any], name: str, *, ca: bool) -> None:
    how = dice.randrange(4)
    if how == 0:
        extensions[name] = None
    elif how == 1:
        extensions[name] = (extensions[name][0], not extensions[name][1])
    elif name == "usage":
        extensions[name] = (usage(*dice.sample(_USAGES, dice.randrange(1, 4))), True)
    elif name == "basic":
        other = dice.random() < 0.6
        length = dice.choice([None, 0, 1]) if other else None
        extensions[name] = (x509.BasicConstraints(other, length), dice.random() < 0.8)
    elif name == "purpose":
        purposes = dice.sample([SERVER, CLIENT, _ANY], dice.randrange(1, 3))
        extensions[name] = (x509.ExtendedKeyUsage(purposes), dice.random() < 0.3)
    elif name == "above":
        extensions[name] = (x509.AuthorityKeyIdentifier(b"x" * 20, None, None), False)
    elif name == "own":
        extensions[name] = (x509.SubjectKeyIdentifier(b"y" * 20), False)
