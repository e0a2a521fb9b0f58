from __future__ import annotations

from sealmq.tls.middleware import HandshakeProof, TLSConnection, TLSContext
from tls_pairs import Trust


def test_openssl_is_a_middleware(trust: Trust) -> None:
    context: TLSContext = trust.server()  # mypy checks the protocol, the asserts below what it cannot see
    connection: TLSConnection = context.connection()
    assert (connection.established, connection.closed, connection.proof) == (False, False, None)
    assert connection.refused_certificate == b""


def test_a_proof_cannot_be_changed() -> None:
    proof = HandshakeProof("TLSv1.3", "TLS_AES_128_GCM_SHA256", "", resumed=False)
    try:
        proof.version = "TLSv1.0"  # type: ignore[misc]
    except AttributeError:
        return
    raise AssertionError("the proof was changed")
