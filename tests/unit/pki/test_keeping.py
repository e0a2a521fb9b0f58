from __future__ import annotations

import stat
from itertools import count

import pytest

from failing_disk import FailingDisk
from sealmq.errors import HomeError, TrustError
from sealmq.pki import sealing, token, vault
from sealmq.pki.authorities import CLAIM_CA, DEVICE_CA, ROOT, SERVER_CA, Authorities, kept_as
from sealmq.pki.authority import create_issuing, create_root, issue_device, new_serial
from sealmq.pki.keeping import export_root, move_to_token, older_copies, read_root, seal_keys, unseal_keys
from sealmq.pki.token import Place
from tokens import PIN

OLD, NEW = b"the old passphrase", b"the new passphrase"
WHOSE = (ROOT, SERVER_CA, DEVICE_CA)


@pytest.fixture(autouse=True)
def cheap_scrypt(monkeypatch):
    monkeypatch.setattr(sealing, "COST", 2)
    monkeypatch.setattr(sealing, "LANES", 1)


@pytest.fixture
def folder(ca, tmp_path):
    return make_folder(ca, tmp_path / "ca")


def make_folder(ca, path):
    vault.make_private_directory(path)
    made = Authorities(path, lambda: None)
    for name, authority in zip(WHOSE, (ca.root, ca.server_ca, ca.device_ca), strict=True):
        made.add(name, authority)
    retired = made.files_to_retire(DEVICE_CA)
    made.replace(retired)
    return path


def kept(folder):
    return {kept_as(path.read_bytes()) for path in folder.rglob("*.key")}


def opened_by(folder, passphrase):
    return Authorities(folder, lambda: passphrase)


def public_keys(authorities):
    return {name: authorities.load(name).key.public for name in authorities.names_with_keys()}


# --- sealed


def test_all_keys_are_sealed_and_opened_again(folder):
    before = public_keys(opened_by(folder, None))
    assert len(before) == 4, "the retired one too"
    names = seal_keys(opened_by(folder, None), NEW)
    assert sorted(names) == sorted(before)
    assert kept(folder) == {"sealed"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*.key")} == {0o600}
    assert public_keys(opened_by(folder, NEW)) == before
    assert sorted(unseal_keys(opened_by(folder, NEW))) == sorted(before)
    assert kept(folder) == {"plain"}
    assert public_keys(opened_by(folder, None)) == before


def test_whoever_sealed_them_goes_on(folder):
    authorities = opened_by(folder, None)
    seal_keys(authorities, OLD)
    assert authorities.device.key_id
    seal_keys(authorities, NEW)
    assert authorities.server.key_id
    unseal_keys(authorities)
    assert authorities.keeping == "plain"


def test_another_passphrase(folder):
    seal_keys(opened_by(folder, None), OLD)
    seal_keys(opened_by(folder, OLD), NEW)
    with pytest.raises(TrustError, match=r"does not open ca/device-ca\.key"):
        _ = opened_by(folder, OLD).device
    assert opened_by(folder, NEW).device.key_id


def test_without_the_passphrase_nothing_happens(folder):
    seal_keys(opened_by(folder, None), OLD)
    before = {path: path.read_bytes() for path in folder.rglob("*.key")}
    for passphrase, why in ((None, "nobody gave it"), (b"not the right one", "does not open")):
        for change in (unseal_keys, lambda authorities: seal_keys(authorities, NEW)):
            with pytest.raises(TrustError, match=why):
                change(opened_by(folder, passphrase))
    with pytest.raises(TrustError, match="fewer than"):
        seal_keys(opened_by(folder, OLD), b"short")
    assert {path: path.read_bytes() for path in folder.rglob("*.key")} == before


@pytest.mark.parametrize("for_good", [False, True])
def test_whoever_is_killed_leaves_all_keys_by_one_passphrase(ca, tmp_path, for_good):
    outcomes = set()
    for n in count(1):
        folder = make_folder(ca, tmp_path / f"ca-{n}")
        seal_keys(opened_by(folder, None), OLD)
        with pytest.MonkeyPatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            authorities = opened_by(folder, OLD)
            try:
                with disk:
                    seal_keys(authorities, NEW)
            except (OSError, TrustError):
                pass
        after = Authorities(folder)
        after.finish()
        opens = []
        for passphrase in (OLD, NEW):
            try:
                assert len(public_keys(opened_by(folder, passphrase))) == 4
                opens.append(passphrase)
            except TrustError:
                pass
        assert len(opens) == 1, "all by the old one, or all by the new one"
        outcomes.add(opens[0])
        if not disk.struck:
            break
    assert outcomes == {OLD, NEW}
    assert n > 30


# --- the root's key, taken away


@pytest.fixture
def file(tmp_path):
    return tmp_path / "root.offline"


def test_the_root_is_taken_away_and_brought_back(folder, ca, file):
    authorities = opened_by(folder, None)
    assert export_root(authorities, file, NEW) == ["root"]
    assert not (folder / "root.key").exists()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    authorities.check()
    with pytest.raises(HomeError, match="the root's key is not in this home") as caught:
        _ = authorities.root
    assert "--root-key FILE" in caught.value.remedy
    assert issue_device(
        authorities.device, "sensor-1", ca.uuid, ca.device_key.public, serial=new_serial(), now=ca.now
    ).serial
    root = read_root(authorities, file, lambda: NEW)
    authorities.bring_root(root)
    claim = create_issuing(authorities.root, "Claim", serial=new_serial(), now=ca.now)
    authorities.add(CLAIM_CA, claim)
    assert not (folder / "root.key").exists(), "it was brought, not left here"


def test_older_roots_go_with_it(folder, ca, file):
    authorities = opened_by(folder, None)
    newer = create_root("Example", "NL", serial=new_serial(), now=ca.now)
    authorities.replace(authorities.files_to_retire(ROOT) | authorities.files_of(ROOT, newer))
    older = f"retired/{ca.root.key_id}"
    assert export_root(authorities, file, NEW) == ["root", older]
    assert not (folder / f"{older}.key").exists()
    assert (folder / "retired" / f"{ca.device_ca.key_id}.key").exists()
    assert read_root(authorities, file, lambda: NEW).key_id == newer.key_id
    with pytest.raises(TrustError, match="not the root of this home"):
        authorities.bring_root(ca.root)


def test_sealed_keys_and_the_root_s_own_passphrase(folder, file):
    seal_keys(opened_by(folder, None), OLD)
    export_root(opened_by(folder, OLD), file, NEW)
    authorities = opened_by(folder, OLD)
    for wrong in (OLD, b"another one at all"):
        with pytest.raises(TrustError, match="does not open"):
            read_root(authorities, file, lambda wrong=wrong: wrong)
    with pytest.raises(TrustError, match="nobody gave it"):
        read_root(authorities, file, lambda: None)
    assert read_root(authorities, file, lambda: NEW)


def test_nothing_is_given_up_before_the_copy_is_sure(folder, file, monkeypatch):
    authorities = opened_by(folder, None)
    file.write_text("somebody's")
    with pytest.raises(HomeError, match="is there already"):
        export_root(authorities, file, NEW)
    assert file.read_text() == "somebody's"
    file.unlink()
    with pytest.raises(TrustError, match="fewer than"):
        export_root(authorities, file, b"short")
    write = vault.write_new_private
    with monkeypatch.context() as patch:  # a stick that tears
        patch.setattr(vault, "write_new_private", lambda path, data: write(path, data[:-200] + bytes(200)))
        with pytest.raises(TrustError, match="does not hold what was written"):
            export_root(authorities, file, NEW)
    assert not file.exists()
    assert (folder / "root.key").exists()
    export_root(authorities, file, NEW)
    with pytest.raises(HomeError, match="not in this home"):
        export_root(opened_by(folder, None), file.with_name("again"), NEW)


@pytest.mark.parametrize("for_good", [False, True])
def test_whoever_is_killed_has_the_root_s_key_in_one_place_at_least(ca, tmp_path, for_good):
    gone = 0
    for n in count(1):
        folder, file = make_folder(ca, tmp_path / f"ca-{n}"), tmp_path / f"file-{n}"
        with pytest.MonkeyPatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            try:
                with disk:
                    export_root(opened_by(folder, None), file, NEW)
            except (OSError, TrustError):
                pass
        authorities = opened_by(folder, None)
        authorities.finish()
        if authorities.has_key(ROOT):
            assert authorities.root.key.public == ca.root.key.public
        else:
            gone += 1
            assert read_root(authorities, file, lambda: NEW).key.public == ca.root.key.public
        if not disk.struck:
            break
    assert gone > 3
    assert n > 12


def test_a_key_that_somebody_carried_away_by_hand(folder, ca, tmp_path):
    file = tmp_path / "root.key"
    (folder / "root.key").rename(file)
    authorities = opened_by(folder, None)
    assert read_root(authorities, file, lambda: None).key_id == ca.root.key_id
    file.chmod(0o644)
    with pytest.raises(TrustError, match="others"):
        read_root(authorities, file, lambda: None)


def test_files_that_hold_no_root(folder, ca, tmp_path):
    authorities = opened_by(folder, None)
    other = tmp_path / "other"
    with pytest.raises(TrustError, match="cannot be read"):
        read_root(authorities, other, lambda: None)
    for content in (b"", b"garbage", ca.root.certificate.pem, ca.device_ca.key_pem()):
        vault.write_private(other, content)
        with pytest.raises(TrustError, match="does not hold the key of 'Example Root CA"):
            read_root(authorities, other, lambda: None)


# --- a token


@pytest.fixture
def place(hsm):
    hsm.restart()
    yield Place(str(hsm.module), hsm.label)
    hsm.restart()


def right_pin():
    return PIN.encode()


@pytest.mark.interop
def test_all_keys_move_into_a_token(folder, ca, place, file, hsm):
    before = public_keys(opened_by(folder, None))
    moved = move_to_token(opened_by(folder, None), place, right_pin)
    assert len(moved) == 4
    assert kept(folder) == {"token"}
    for path in folder.rglob("*"):
        assert path.is_dir() or b"PRIVATE KEY" not in path.read_bytes()
    hsm.restart()
    with pytest.raises(TrustError, match="wants its PIN"):
        _ = opened_by(folder, None).device
    authorities = opened_by(folder, right_pin())
    authorities.check()
    assert public_keys(authorities) == before
    key = authorities.new_key("Claim CA")
    assert token.place_of(key).label == "Claim CA"
    authorities.add(CLAIM_CA, create_issuing(authorities.root, "Claim", serial=new_serial(), now=ca.now, key=key))
    assert kept_as((folder / "claim-ca.key").read_bytes()) == "token"
    assert opened_by(folder, right_pin()).claim.key.public == key.public
    for refuse in (unseal_keys, lambda it: seal_keys(it, NEW), lambda it: move_to_token(it, place, right_pin)):
        with pytest.raises(TrustError, match="in a token"):
            refuse(authorities)
    with pytest.raises(TrustError, match="does not come out"):
        export_root(authorities, file, NEW)
    assert not file.exists()


@pytest.mark.interop
def test_a_token_that_does_not_take_them_leaves_the_home_as_it_was(folder, place):
    seal_keys(opened_by(folder, None), OLD)
    with pytest.raises(TrustError, match="PIN"):
        move_to_token(opened_by(folder, OLD), place, lambda: b"another wrong one")
    assert kept(folder) == {"sealed"}
    token._refused.clear()
    assert len(move_to_token(opened_by(folder, OLD), place, right_pin)) == 4
    assert kept(folder) == {"token"}


# --- what a restore has replaced


def test_older_copies_are_found(folder, ca, tmp_path):
    home = tmp_path
    assert older_copies(home) == []
    for name in (".replaced", ".replaced-1"):
        (home / name).mkdir()
        make_folder(ca, home / name / "ca")
    seal_keys(opened_by(home / ".replaced" / "ca", None), NEW)
    (home / ".replaced-1" / "ca" / "link.key").symlink_to(home / "nothing")
    found = older_copies(home)
    assert {path.parent.parent.name for path in found if path.parent.name == "ca"} == {".replaced-1"}
    assert len(found) == 4
