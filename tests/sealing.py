"""Records of TLS 1.3 sealed by hand: what no library sends, to be opened in tests."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealmq.kit.dissect.schedule import next_secret, traffic_key


class Sealer:
    """One direction by TLS_AES_128_GCM_SHA256 under one traffic secret (RFC 8446 section 5.2)."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.count = 0

    def seal(self, content: bytes, content_type: int = 23, padding: int = 0) -> bytes:
        """A whole record."""
        return self.seal_inner(content + bytes([content_type]) + bytes(padding))

    def seal_inner(self, inner: bytes) -> bytes:
        """A whole record of a TLSInnerPlaintext."""
        header = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
        key = traffic_key("sha256", self.secret, 16)
        nonce = (int.from_bytes(key.iv, "big") ^ self.count).to_bytes(12, "big")
        self.count += 1
        return header + AESGCM(key.key).encrypt(nonce, inner, header)

    def after_key_update(self) -> Sealer:
        """For what follows a KeyUpdate (RFC 8446 section 7.2)."""
        return Sealer(next_secret("sha256", self.secret))
