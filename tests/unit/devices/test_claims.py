from __future__ import annotations

from itertools import count

import pytest

from failing_disk import FailingDisk
from sealmq.devices.claims import Claims
from sealmq.devices.records import State
from sealmq.devices.registry import Registry
from sealmq.devices.tokens import Tokens
from sealmq.devices.trail import Trail, read_line
from sealmq.errors import EnrollmentError, Error, HomeError
from sealmq.pki.authority import certificates_of, create_issuing, new_serial
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import identify_certificate


@pytest.fixture
def claims(fleet, tmp_path):
    claim_ca = create_issuing(fleet.root, "Claim", serial=new_serial(), now=fleet.now)
    return lambda registry: Claims(
        registry, claim_ca, root=fleet.root.certificate.pem, trail=Trail(tmp_path / "audit.jsonl")
    )


def test_a_claim_has_its_files_its_record_and_its_lines(fleet, claims, tmp_path):
    out = tmp_path / "line"
    made = claims(fleet.registry).make("line-7", out, now=fleet.now, ttl=7 * 86_400, prefix="p-", quota=5)
    leaf, _ = certificates_of((out / "device-chain.pem").read_bytes())
    peer = identify_certificate(leaf)
    assert (peer.common_name, peer.serial, peer.extended_key_usages) == ("line-7", made.serial, ("clientAuth",))
    assert PrivateKey.from_pem((out / "device.key").read_bytes()).public.spki_sha256 == peer.spki_sha256
    assert (out / "device.key").stat().st_mode & 0o777 == 0o600
    assert made.not_after <= fleet.now + 7 * 86_400
    token = Tokens(fleet.registry).by_serial(made.serial)
    assert (token.id, token.kind, token.prefix, token.quota) == (made.number, "claim", "p-", 5)
    lines = [read_line(line) for line in (tmp_path / "audit.jsonl").read_bytes().splitlines()]
    assert [line.action for line in lines] == ["claim", "issue"]


def test_another_ones_folder_is_left_alone(fleet, claims, tmp_path):
    (tmp_path / "line").mkdir()
    with pytest.raises(EnrollmentError, match="already"):
        claims(fleet.registry).make("line-7", tmp_path / "line", now=fleet.now, ttl=60)
    with pytest.raises(EnrollmentError, match="name"):
        claims(fleet.registry).make("a/b", tmp_path / "other", now=fleet.now, ttl=60)


def test_a_folder_that_another_one_made_meanwhile_is_left_alone(fleet, claims, tmp_path):
    class Raced(Registry):
        def reserve(self, *reservations, now):
            claims(fleet.registry).make("line-7", tmp_path / "line", now=now, ttl=60)  # the same command, a bit faster
            super().reserve(*reservations, now=now)

    with Raced.open(fleet.registry.path) as registry, pytest.raises(HomeError, match="was not made"):
        claims(registry).make("line-7", tmp_path / "line", now=fleet.now, ttl=60)
    assert sorted(each.name for each in (tmp_path / "line").iterdir()) == ["device-chain.pem", "device.key", "root.pem"]
    leaf, _ = certificates_of((tmp_path / "line" / "device-chain.pem").read_bytes())
    assert [each.serial for each in Tokens(fleet.registry).all()] == [identify_certificate(leaf).serial]


def test_every_step_may_fail_and_leaves_nothing(fleet, claims, tmp_path, monkeypatch):
    for n in count(1):
        out = tmp_path / f"line-{n}"
        with monkeypatch.context() as patch:
            disk = FailingDisk(n, for_good=False).install(patch)
            registry, _ = fleet.open()
            with disk:
                try:
                    claims(registry).make("line-7", out, now=fleet.now, ttl=60)
                except (Error, OSError):
                    assert disk.struck
            registry.close()
        if not disk.struck:
            break
        registry, _ = fleet.open()
        if not Tokens(registry).all():
            assert not out.exists()
            assert registry.query("SELECT 1 FROM certificates WHERE state = ?", State.VALID) == []
        registry.change("DELETE FROM tokens")
        registry.change("DELETE FROM certificates")
        registry.close()
    assert n > 15
