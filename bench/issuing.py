"""How many certificates a second and core: with requests from devices, and with keys made here.

    python bench/issuing.py [--certificates 4096] [--batch 64] [--rounds 3] [--profile] [--json FILE]

The whole way each time, on the disk: request read and its signature checked, policy, serial recorded, certificate
signed, its line in the audit trail, registry. `requests` is what the registrar's thread does with applications by token
in groups; `keys` is what `sealmq device add --from` does without writing the files: key made, certificate, key as PEM.
Beside it, in turn: `cryptography` alone (read a request, check it, sign; no record of anything), and
`openssl x509 -req` and `openssl ca -batch`, one process for each certificate, which is how scripts call them.

Told are certificates for each second of processor time (of this process and its children) and by the clock: the best of
the rounds. In the end each certificate is read back, its signature checked, the audit trail held against the registry.
"""

from __future__ import annotations

import argparse
import cProfile
import itertools
import json
import os
import pstats
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sealmq.devices.accounting import verify
from sealmq.devices.issuing import Issuer, Order
from sealmq.devices.outcomes import Application, ByToken, EnrollmentPolicy, Granted, Operation
from sealmq.devices.tokens import Tokens
from sealmq.devices.trail import Trail
from sealmq.home import Home
from sealmq.pki.keys import PrivateKey
from sealmq.pki.profiles import ServerNames

NOW = time.time()
BY_PROCESS = 40
"""Certificates that the programs which start anew for each one are measured with."""

NUMBERS = itertools.count()
"""No name is given twice."""

Way = Callable[[], int]


def processor() -> float:
    """Seconds of processor time of this process and of those that it waited for."""
    return sum(os.times()[:4])


def requests(number: int) -> list[bytes]:
    """Requests of as many devices, DER, as `openssl req -new` makes them."""
    made = []
    for _ in range(number):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"r-{next(NUMBERS):07}")])
        builder = x509.CertificateSigningRequestBuilder().subject_name(name)
        made.append(builder.sign(ec.generate_private_key(ec.SECP256R1()), SHA256()).public_bytes(Encoding.DER))
    return made


class Ours:
    """A home, and both ways to issue in it."""

    def __init__(self, folder: Path, batch: int) -> None:
        names = ServerNames(("localhost",), ("127.0.0.1",))
        self.home = Home.create(folder / "home", organization="Bench", country="XX", names=names, now=NOW)
        self.batch = batch

    def by_request(self, csrs: list[bytes]) -> Way:
        """What the registrar does with applications by token."""
        _, secret = Tokens(self.home.registry).make(now=NOW, ttl=86_400, prefix="r-", quota=len(csrs))
        applicant = ByToken(secret)
        applications = [Application(csr, Operation.ENROLL, applicant, "est", "127.0.0.1") for csr in csrs]
        authority = self.home.registration_authority(self.home.registry, EnrollmentPolicy())

        def run() -> int:
            made = 0
            for start in range(0, len(applications), self.batch):
                outcomes = authority.decide(applications[start : start + self.batch], NOW)
                made += sum(isinstance(outcome, Granted) for outcome in outcomes)
            return made

        return run

    def by_key(self, number: int) -> Way:
        """What a whole fleet is added with."""
        issuer = Issuer(self.home.registry, self.home.authorities.device, Trail(self.home.audit_trail))

        def run() -> int:
            made = 0
            for start in range(0, number, self.batch):
                keys = [PrivateKey.generate() for _ in range(min(self.batch, number - start))]
                orders = [Order(f"k-{next(NUMBERS):07}", key.public, actor="cli:bench") for key in keys]
                issued = issuer.issue(orders, now=NOW)
                made += len([(key.pem(), each) for key, each in zip(keys, issued, strict=True)])
            return made

        return run

    def check(self) -> None:
        """Every certificate is what it should be, and has its line."""
        verdict = verify(Trail(self.home.audit_trail), self.home.registry)
        assert verdict.holds, verdict
        authority = x509.load_der_x509_certificate(self.home.authorities.device.certificate.der)
        bodies = self.home.registry.query("SELECT der FROM bodies")
        for (der,) in bodies:
            x509.load_der_x509_certificate(der).verify_directly_issued_by(authority)
        print(f"{len(bodies):,} certificates read back and verified; {verdict.lines:,} lines of the trail fit")
        self.home.close()


def alone(csrs: list[bytes]) -> Way:
    """`cryptography` by itself, with the fewest calls that make the same certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bench Device CA 1")])
    key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    begin = datetime.fromtimestamp(int(NOW), UTC)

    def run() -> int:
        for csr in csrs:
            request = x509.load_der_x509_csr(csr)
            assert request.is_signature_valid
            uri = x509.UniformResourceIdentifier(f"urn:uuid:{uuid4()}")
            certificate = (
                x509.CertificateBuilder()
                .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "unit-1")]))
                .issuer_name(issuer)
                .public_key(request.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(begin)
                .not_valid_after(begin + timedelta(days=365))
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
                .add_extension(key_id, critical=False)
                .add_extension(x509.SubjectAlternativeName([uri]), critical=False)
                .sign(key, SHA256())
            )
            certificate.public_bytes(Encoding.DER)
        return len(csrs)

    return run


CA_CONFIGURATION = """
[ca]
default_ca = bench
[bench]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
default_days = 365
policy = any
unique_subject = no
x509_extensions = device
[any]
commonName = optional
[device]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
authorityKeyIdentifier = keyid
[authority]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
[req]
distinguished_name = name
x509_extensions = authority
[name]
"""


def openssl(folder: Path, csrs: list[bytes]) -> Iterator[tuple[str, Way]]:
    """The two commands that scripts call."""
    program = shutil.which("openssl")
    if program is None:
        print("openssl is not here: it is left out")
        return
    folder.mkdir()
    (folder / "openssl.cnf").write_text(CA_CONFIGURATION.format(folder=folder))
    (folder / "index.txt").touch()
    (folder / "serial").write_text("1000\n")
    files = []
    for number, csr in enumerate(csrs):
        files.append(folder / f"{number}.csr")
        files[-1].write_bytes(x509.load_der_x509_csr(csr).public_bytes(Encoding.PEM))
    where = ["-config", folder / "openssl.cnf"]
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Bench CA"]
    quiet(program, *new, *where, "-keyout", folder / "ca.key", "-out", folder / "ca.pem")
    signing = ["-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-days", "365", "-extensions", "device"]

    def x509_req() -> int:
        for file in files:
            extensions = ["-extfile", folder / "openssl.cnf", "-out", folder / "made.pem"]
            quiet(program, "x509", "-req", "-in", file, *signing, *extensions)
        return len(files)

    def ca() -> int:
        for file in files:
            quiet(program, "ca", "-batch", "-notext", *where, "-in", file, "-out", folder / "made.pem")
        return len(files)

    yield "openssl x509 -req", x509_req
    yield "openssl ca", ca


def quiet(*words: str | Path) -> None:
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{words}: {done.stderr}")


def measure(ways: dict[str, list[Way]]) -> dict[str, dict[str, float]]:
    """Certificates a second, by processor time and by the clock, the best of the rounds, each way in turn."""
    found: dict[str, dict[str, float]] = {name: {"core": 0.0, "wall": 0.0} for name in ways}
    for round_ in zip(*ways.values(), strict=True):
        for name, way in zip(ways, round_, strict=True):
            used, began = processor(), time.perf_counter()
            made = way()
            used, seconds = processor() - used, time.perf_counter() - began
            best = found[name]
            best["core"], best["wall"] = max(best["core"], made / used), max(best["wall"], made / seconds)
    return found


def main() -> int:
    """Measure, check, tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--certificates", type=int, default=4096)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", choices=("requests", "keys"))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sealmq-issuing-"))
    try:
        ours = Ours(folder, given.batch)
        rounds = [requests(given.certificates) for _ in range(given.rounds)]
        if given.profile:
            way = ours.by_request(rounds[0]) if given.profile == "requests" else ours.by_key(given.certificates)
            with cProfile.Profile(time.process_time) as profile:  # not what waits for the disk
                way()
            pstats.Stats(profile).sort_stats("tottime").print_stats(35)
            return 0
        ways = {
            "requests": [ours.by_request(csrs) for csrs in rounds],
            "keys": [ours.by_key(given.certificates) for _ in rounds],
            "cryptography": [alone(csrs) for csrs in rounds],
        }
        ways |= {name: [way] * given.rounds for name, way in openssl(folder / "openssl", rounds[0][:BY_PROCESS])}
        found = measure(ways)
        for name, rates in found.items():
            print(f"{name:<18} {rates['core']:>8,.0f} a second and core  {rates['wall']:>8,.0f} by the clock")
        ours.check()
        if given.json:
            given.json.write_text(json.dumps(found, indent=1))
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
