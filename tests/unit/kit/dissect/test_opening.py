"""Protected records are opened with the right key, at the right place, unchanged; and otherwise not at all.

The records are OpenSSL's, but for padding, which it does not send: those are sealed here.
"""

from __future__ import annotations

import hmac
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from recorded_tls import NO_ENCRYPT_THEN_MAC, Ends, converse
from sealing import Sealer
from sealmq.errors import TLSError
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.dissect.hello import read_client_hello, read_server_hello
from sealmq.kit.dissect.keylog import MASTER_SECRET
from sealmq.kit.dissect.opening import OpenerTLS13, check_openable, opener_tls13, openers_tls12
from sealmq.kit.dissect.records import LONGEST_PLAINTEXT, RawRecord, RecordReader, UnreadableError
from sealmq.kit.dissect.schedule import TLS12, TLS13, key_block, next_secret

AES_128_GCM = 0x1301
SECRET = bytes(range(32))


def sealed(inner: bytes, *, count: int = 0, secret: bytes = SECRET) -> RawRecord:
    """A record of TLS 1.3 by TLS_AES_128_GCM_SHA256."""
    sealer = Sealer(secret)
    sealer.count = count
    wire = sealer.seal_inner(inner)
    return RawRecord(23, 0x0303, 0, 0.0, wire[:5], wire[5:])


@pytest.fixture(
    scope="module", params=["AES128-GCM-SHA256", "CHACHA20-POLY1305", "AES256-CCM8", "AES256-SHA384", "AES128-SHA/EtM"]
)
def tls12(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """What the client sent protected, and a maker of its opener."""
    suite, _, encrypt_then_mac = request.param.partition("/")
    ends = Ends(tmp_path_factory.mktemp("tls12")).limit("1.2", f"ECDHE-ECDSA-{suite}")
    if not encrypt_then_mac:
        ends.client.options |= NO_ENCRYPT_THEN_MAC
    recorded = converse(ends.client, ends.server, words=[b"hello"])
    messages = [body for _, kind, _, body in recorded.told[Sender.CLIENT].messages if kind == 22]
    client, server = read_client_hello(messages[0]), read_server_hello(messages[1])
    master = recorded.key_log.find(client.random, MASTER_SECRET)
    sent = b"".join(data for sender, data in recorded.pieces if sender is Sender.CLIENT)
    records = list(RecordReader(Sender.CLIENT).receive_data(sent, 0.0))
    change = [one.content_type for one in records].index(20)

    def opener(sender: Sender = Sender.CLIENT, changed: int = 0):
        randoms = client.random, (int.from_bytes(server.random, "big") ^ changed).to_bytes(32, "big")
        return openers_tls12(server.suite, master, randoms, encrypt_then_mac=bool(encrypt_then_mac))[sender]

    return records[change + 1 :], opener


def test_what_a_real_client_sealed_is_opened_in_order(tls12) -> None:
    records, make = tls12
    opener = make()
    opened = [opener.open(one) for one in records]
    assert [one.content_type for one in opened] == [22, 23, 21]
    assert opened[0].content[0] == 20
    assert opened[1].content == b"hello"
    assert opened[2].content == b"\x01\x00"
    assert opener.count == 3


def test_nothing_is_opened_by_another_key_or_at_another_place(tls12) -> None:
    records, make = tls12
    for opener in (make(Sender.SERVER), make(changed=1)):
        with pytest.raises(TLSError, match="does not belong to this conversation") as refused:
            opener.open(records[0])
        assert refused.value.alert == "bad_record_mac"
    opener = make()
    with pytest.raises(TLSError):
        opener.open(records[1])
    assert opener.count == 0
    opener.open(records[0])


def test_a_record_of_which_a_bit_was_changed_is_not_opened(tls12) -> None:
    [record, *_], make = tls12
    opener = make()
    for place in range(len(record.fragment)):
        changed = bytearray(record.fragment)
        changed[place] ^= 0x10
        with pytest.raises(TLSError):
            opener.open(replace(record, fragment=bytes(changed)))
    with pytest.raises(TLSError):
        opener.open(replace(record, header=b"\x17" + record.header[1:], content_type=23))
    for length in range(len(record.fragment)):
        with pytest.raises(TLSError):
            opener.open(replace(record, fragment=record.fragment[:length]))
    assert opener.open(record).content[0] == 20


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_never_opened(fragment: bytes) -> None:
    header = b"\x17\x03\x03" + len(fragment).to_bytes(2, "big")
    record = RawRecord(23, 0x0303, 0, 0.0, header, fragment)
    openers = [opener_tls13(code, bytes(32)) for code in (0x1301, 0x1303, 0x1304, 0x1305)]
    openers.append(opener_tls13(0x1302, bytes(48)))
    for code in (0xC02B, 0xC0AE, 0xCCA9, 0xC009, 0xC023):
        for encrypt_then_mac in (False, True):
            both = openers_tls12(code, bytes(48), (bytes(32), bytes(32)), encrypt_then_mac=encrypt_then_mac)
            openers += both.values()  # type: ignore[arg-type]
    for opener in openers:
        with pytest.raises(TLSError):
            opener.open(record)


@pytest.mark.parametrize(("padding", "good"), [(b"\3\3\3\3", True), (b"\1\3\3\3", False), (b"\4\4\4\4", False)])
def test_each_byte_of_the_padding_of_cbc_is_looked_at(padding: bytes, good: bool) -> None:  # RFC 5246 section 6.2.3.2
    suite = 0xC009  # TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
    randoms = bytes(32), bytes(32)
    keys = key_block("sha256", bytes(48), randoms, (20, 16, 0))[Sender.CLIENT]
    content = b"12345678"
    mac = hmac.digest(keys.mac_key, bytes(8) + b"\x17\3\3\0\x08" + content, "sha1")
    cipher = Cipher(algorithms.AES(keys.key), modes.CBC(bytes(16))).encryptor()
    fragment = bytes(16) + cipher.update(content + mac + padding) + cipher.finalize()
    record = RawRecord(23, 0x0303, 0, 0.0, b"\x17\3\3\0\x30", fragment)
    opener = openers_tls12(suite, bytes(48), randoms, encrypt_then_mac=False)[Sender.CLIENT]
    if good:
        assert opener.open(record).content == content
    else:
        with pytest.raises(TLSError):
            opener.open(record)


@given(st.binary(max_size=50), st.integers(0, 300))
def test_padding_is_told_from_the_content(content: bytes, padding: int) -> None:  # RFC 8446 section 5.4
    opened = opener_tls13(AES_128_GCM, SECRET).open(sealed(content + b"\x17" + bytes(padding)))
    assert (opened.content_type, opened.content, opened.padding) == (23, content, padding)


def test_a_record_of_padding_alone_is_refused() -> None:  # RFC 8446 section 5.4
    opener = opener_tls13(AES_128_GCM, SECRET)
    with pytest.raises(TLSError, match="padding alone") as refused:
        opener.open(sealed(bytes(20)))
    assert refused.value.alert == "unexpected_message"


def test_a_record_that_carries_too_much_is_refused() -> None:  # RFC 8446 section 5.4
    opener = opener_tls13(AES_128_GCM, SECRET)
    with pytest.raises(TLSError, match="16385 bytes"):
        opener.open(sealed(bytes(LONGEST_PLAINTEXT) + b"x\x17"))
    assert len(opener.open(sealed(bytes(LONGEST_PLAINTEXT) + b"\x17")).content) == LONGEST_PLAINTEXT


def test_after_a_key_update_the_next_key_counts_from_zero() -> None:  # RFC 8446 section 7.2
    opener = opener_tls13(AES_128_GCM, SECRET)
    opener.open(sealed(b"a\x17"))
    opener.open(sealed(b"b\x17", count=1))
    after = opener.after_key_update()
    assert isinstance(after, OpenerTLS13)
    with pytest.raises(TLSError):
        after.open(sealed(b"c\x17", count=2))
    assert after.open(sealed(b"c\x17", secret=next_secret("sha256", SECRET))).content == b"c"


@pytest.mark.parametrize(
    ("version", "code", "what"),
    [
        (TLS12, 0x000A, "TLS_RSA_WITH_3DES_EDE_CBC_SHA can't be opened"),
        (TLS12, 0xC006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA can't be opened"),
        (TLS12, 0xC05C, "TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256 can't be opened"),
        (TLS12, 0xFEFE, r"unknown cipher suite \(0xfefe\)"),
        (TLS12, 0x1301, "no cipher suite of the version"),
        (TLS13, 0xC02B, "no cipher suite of the version"),
        (0x0302, 0xC013, r"not of version 0x0302"),
        (0x0300, 0xC013, r"not of version 0x0300"),
    ],
)
def test_what_nobody_here_opens_is_refused_by_its_name(version: int, code: int, what: str) -> None:
    with pytest.raises(UnreadableError, match=what) as refused:
        check_openable(version, code)
    assert refused.value.kind == "sealed"


def test_a_secret_of_another_hash_is_refused() -> None:
    with pytest.raises(UnreadableError, match="48 bytes, which TLS_AES_128_GCM_SHA256 can't use"):
        opener_tls13(AES_128_GCM, bytes(48))
