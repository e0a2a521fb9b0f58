"""The Finished messages of a conversation, worked out anew: whoever has the secrets can prove that both ends saw the
same handshake, and that the key log is this conversation's.
"""

from __future__ import annotations

from sealmq.errors import TLSError
from sealmq.kit.dissect.agreement import Agreement, Stage
from sealmq.kit.dissect.conversation import ContentType, Conversation, Sender
from sealmq.kit.dissect.keylog import KeyLog
from sealmq.kit.dissect.schedule import TLS12, TLS13, check_finished, transcript_hash
from sealmq.kit.dissect.suites import suite_parts

_HELLO_REQUEST = 0  # handshake types, RFC 8446 section 4 and RFC 5246 section 7.4
_CLIENT_HELLO = 1
_SERVER_HELLO = 2
_NEW_SESSION_TICKET = 4
_FINISHED = 20
_KEY_UPDATE = 24

_NOT_COUNTED = {
    TLS12: (_HELLO_REQUEST,),  # RFC 5246 section 7.4.1.1
    TLS13: (_NEW_SESSION_TICKET, _KEY_UPDATE),  # RFC 8446 section 4.4.1: the handshake's own messages alone
}


def finished_proofs(conversation: Conversation, key_log: KeyLog) -> dict[int, bool]:
    """Number of a message -> is this Finished what it must be. Of the first handshake, one for each end.

    Those are left out for which a secret, a hello or a message before is missing.
    """
    agreed = Agreement()
    counted: list[bytes] = []
    proofs: dict[int, bool] = {}
    done: set[Sender] = set()
    for message in conversation.messages:
        if message.kind != ContentType.HANDSHAKE:
            continue
        try:
            if message.type == _CLIENT_HELLO:
                agreed.take_client_hello(message.body)
            elif message.type == _SERVER_HELLO:
                agreed.take_server_hello(message.body)
        except TLSError:
            break
        if message.type == _FINISHED and agreed.complete and message.sender not in done:
            done.add(message.sender)
            proof = _proof(agreed, key_log, message.sender, counted, message.body)
            if proof is not None:
                proofs[message.number] = proof
            if len(done) == len(Sender):
                break
        if message.type not in _NOT_COUNTED.get(agreed.version or 0, ()):
            counted.append(message.body)
    return proofs


def _proof(agreed: Agreement, key_log: KeyLog, sender: Sender, counted: list[bytes], body: bytes) -> bool | None:
    suite = suite_parts(agreed.suite)
    secret = key_log.find(agreed.client_random, agreed.label(sender, Stage.HANDSHAKE))
    if suite is None or secret is None or agreed.version not in _NOT_COUNTED or suite.hash not in ("sha256", "sha384"):
        return None
    try:
        check_finished(agreed.version, suite.hash, secret, sender, transcript_hash(suite.hash, counted), body)
    except TLSError:
        return False
    return True
