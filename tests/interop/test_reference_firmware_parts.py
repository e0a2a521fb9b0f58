"""The reference device's parts that need no chip, compiled for this machine with sanitizers and given hostile input."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from reference_device import HERE

from bundle_credentials import credentials, with_two_roots
from firmware import PROGRAMS
from running import program, run
from sealmq.broker.certificate_requests import CertificateRequestMessage, Certified, Declined, accepted, rejected
from sealmq.devices.bundles.credentials import Credentials

pytestmark = pytest.mark.interop

PARTS = [HERE / "src" / f"{name}.c" for name in ("answer", "calendar", "command", "slots")]


def an_answer(device: Credentials) -> Certified:
    return Certified("sensor-1", "0cc906ada1e449399a6823c43f5ac704", device.leaf_der, (), device.root_ders, 0.0, 9e9)


@pytest.mark.parametrize("device", [credentials(), with_two_roots()], ids=["one-root", "two-roots"])
def test_what_the_broker_answers_is_read_and_hostile_bytes_are_survived(device: Credentials, tmp_path: Path) -> None:
    strict = ("-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-O1", "-g")
    sanitizers = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
    tried = tmp_path / "reference_parts"
    source = PROGRAMS / "reference_parts.c"
    run([program("gcc", "gcc"), *strict, *sanitizers, "-I", HERE / "src", source, *PARTS, "-o", tried])
    request = CertificateRequestMessage(b"")
    good, bad = tmp_path / "accepted.json", tmp_path / "rejected.json"
    good.write_bytes(accepted(an_answer(device), request, 1.0))
    bad.write_bytes(rejected(Declined("busy", 'wait: "too many"', 5), "id"))
    said = run([tried, good, bad]).stdout.splitlines()
    roots = re.findall(r"-----BEGIN.*?-----END CERTIFICATE-----\\n", good.read_text().split('"roots"')[1])
    expected = sum(len(pem.replace("\\n", "\n")) for pem in roots)
    assert re.match(rf"certificate \d+, roots {expected}, serial 0cc906ada1e449399a6823c43f5ac704$", said[0])
    assert len(roots) == len(device.root_ders)
    counts = [int(line.split()[0]) for line in said[1:]]
    assert all(1_000 < taken < 20_000 for taken in counts), "the mutations reach both: what is taken and what is not"
