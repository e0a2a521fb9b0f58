"""What the rules say of a chain is what `openssl verify` says, on every mistake that tests/chains.py makes: when it is
strict (-x509_strict), and when it is as clients mostly have it, where the rule "profile" is a warning.

Where they differ, the case says why (`otherwise`), and the test holds that they do.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from certificates import NOW
from chains import Case, cases
from mixed_chains import mixed
from running import WAIT, program
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.chain import judge
from sealmq.kit.handshake.names import as_address
from sealmq.kit.handshake.report import Chain, Verdict
from sealmq.pem import to_pem

pytestmark = pytest.mark.interop

CASES = {case.title: case for case in cases()}
MIXTURES = 200


def judged(case: Case) -> Chain:
    return judge(
        Sender(case.purpose), case.chain, authorities=case.authorities, name=case.name, now=NOW.timestamp(),
        purpose=case.purpose, crl=case.crl,  # type: ignore[arg-type]
    )  # fmt: skip


def strictly(chain: Chain) -> bool:
    """Would a strict client take it, too?"""
    return bool(chain.trusted) and not any(
        rule.id == "profile" and rule.verdict is not Verdict.OK for rule in chain.rules
    )


def openssl_takes(case: Case, folder: Path, *, strict: bool = True) -> tuple[bool, str]:
    """Whether `openssl verify` takes the chain, and what it says."""
    for file, chain in (("leaf", case.chain[:1]), ("rest", case.chain[1:])):
        (folder / file).write_bytes(b"".join(to_pem("CERTIFICATE", der) for der in chain))
    (folder / "authorities").write_bytes(case.authorities)
    command = [program("openssl", "openssl"), "verify", "-auth_level", "2", "-no-CApath", "-no-CAstore"]
    command += ["-x509_strict"] if strict else []
    command += ["-CAfile", str(folder / "authorities")]
    if case.chain[1:]:
        command += ["-untrusted", str(folder / "rest")]
    if case.purpose == "client":
        command += ["-purpose", "sslclient"]
    else:
        command += ["-purpose", "sslserver", "-verify_ip" if as_address(case.name) else "-verify_hostname", case.name]
    if case.crl is not None:
        (folder / "lists").write_bytes(case.crl)
        command += ["-crl_check", "-CRLfile", str(folder / "lists")]
    command.append(str(folder / "leaf"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False)
    return done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("title", list(CASES))
def test_openssl_says_the_same(title: str, tmp_path: Path) -> None:
    case = CASES[title]
    takes, said = openssl_takes(case, tmp_path)
    chain = judged(case)
    assert chain.trusted == case.trusted, chain
    if case.otherwise:
        assert takes != chain.trusted, f"it is the same now: {case.otherwise}"
    else:
        assert takes == strictly(chain), f"{said}\n{chain.sentence}"
        assert openssl_takes(case, tmp_path, strict=False)[0] == chain.trusted


def test_openssl_says_the_same_of_mixtures(tmp_path: Path) -> None:
    taken = 0
    for seed in range(MIXTURES):
        case = mixed(seed)
        chain = judged(case)
        if any(rule.id == "anchor" and rule.verdict is Verdict.WARNING for rule in chain.rules):
            continue  # a CA in the middle is trusted: the case of that title above
        takes, said = openssl_takes(case, tmp_path)
        assert takes == strictly(chain), f"{case.title}: {said}\n{chain.sentence}"
        taken += takes
    assert MIXTURES // 20 < taken < MIXTURES // 2
