from __future__ import annotations

import ssl

import pytest

from sealmq.errors import ConfigError, MiddlewareError, TrustError
from sealmq.kit.handshake.contexts import CLASSICAL, POST_QUANTUM, Credentials, look_context, read_version
from sealmq.tls.middlewares import find
from tapped import Stage


def test_with_an_authority_the_broker_is_verified_as_a_device_would(stage: Stage):
    context = look_context(Credentials(stage.root))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_without_one_it_is_looked_at_and_not_believed(stage: Stage):
    context = look_context(Credentials())
    assert context.verify_mode is ssl.CERT_NONE
    assert not Credentials().verifies


def test_the_authorities_of_the_system_count_when_they_are_asked_for():
    assert Credentials(system=True).verifies
    assert look_context(Credentials(system=True)).verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("text", "version"), [("1.3", "1.3"), ("TLSv1.2", "1.2"), ("tls 1.2", "1.2"), ("v1.1", "1.1"), ("TLS1.0", "1.0")]
)
def test_versions_are_written_in_many_ways(text: str, version: str):
    assert read_version(text) == version


@pytest.mark.parametrize("text", ["", "1.4", "SSLv3", "13", "1.2,1.3"])
def test_others_are_refused(text: str):
    with pytest.raises(ConfigError):
        read_version(text)


def test_one_version_alone_is_offered():
    context = look_context(Credentials(), version="1.2")
    assert (context.minimum_version, context.maximum_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    both = look_context(Credentials())
    assert both.minimum_version is ssl.TLSVersion.TLSv1_2
    assert both.maximum_version is ssl.TLSVersion.MAXIMUM_SUPPORTED


def test_suites_are_those_that_are_asked_for():
    context = look_context(Credentials(), version="1.2", ciphers="ECDHE-RSA-AES256-GCM-SHA384")
    names = [each["name"] for each in context.get_ciphers() if each["protocol"] == "TLSv1.2"]
    assert names == ["ECDHE-RSA-AES256-GCM-SHA384"]
    with pytest.raises(ConfigError, match="NONSENSE"):
        look_context(Credentials(), ciphers="NONSENSE")


def test_files_that_cannot_be_used_are_told_apart(stage: Stage, tmp_path):
    with pytest.raises(TrustError, match="authority"):
        look_context(Credentials(tmp_path / "none.pem"))
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    with pytest.raises(TrustError, match="authority"):
        look_context(Credentials(broken))
    with pytest.raises(TrustError, match="together") as caught:
        look_context(Credentials(stage.root, stage.device_chain, broken))
    assert "PEM" in caught.value.why
    other_chain, _ = stage.device_ca.issue("other").save(tmp_path, "other")
    with pytest.raises(TrustError, match="together"):
        look_context(Credentials(stage.root, other_chain, stage.device_key))


def test_the_key_may_stand_in_the_file_of_the_certificate(stage: Stage, tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(stage.device.chain_pem + stage.device.key_pem)
    look_context(Credentials(stage.root, both))


def test_with_an_authority_no_list_lets_in_who_proves_nothing(stage: Stage):
    for trusted, proves in ((Credentials(stage.root), True), (Credentials(), False)):
        context = look_context(trusted, version="1.2", ciphers="ALL:eNULL:@SECLEVEL=0")
        kinds = {(each["auth"], each["symmetric"]) for each in context.get_ciphers()}
        assert any(auth == "auth-null" or cipher == "null" for auth, cipher in kinds) is not proves
    with pytest.raises(ConfigError, match="that prove who the broker is"):
        look_context(Credentials(stage.root), version="1.2", ciphers="aNULL:@SECLEVEL=0")


def test_groups_are_curves_alone_where_that_is_asked_for(stage: Stage):
    assert look_context(Credentials(stage.root), groups=CLASSICAL).check_hostname


def test_hybrid_groups_are_demanded_or_refused_in_words(stage: Stage):
    if find().abilities.hybrid_groups:
        assert look_context(Credentials(stage.root), groups=POST_QUANTUM).check_hostname
    else:
        with pytest.raises(MiddlewareError, match="post-quantum") as caught:
            look_context(Credentials(stage.root), groups=POST_QUANTUM)
        assert "pyopenssl" in caught.value.remedy
