"""The shapes of what is seen."""

from __future__ import annotations

from sealmq.kit.dissect.conversation import Conversation, Message, Sender


def test_each_end_has_its_other() -> None:
    assert Sender.CLIENT.other is Sender.SERVER
    assert Sender.SERVER.other is Sender.CLIENT


def test_the_first_message_of_a_kind_is_found() -> None:
    seen = Conversation()
    assert seen.find(Sender.CLIENT, 22, 1) is None
    for number, sender in enumerate((Sender.SERVER, Sender.CLIENT, Sender.CLIENT)):
        seen.messages.append(Message(sender, number, 22, 1, b"\1\0\0\0", (number,), 0.0, protected=False))
    found = seen.find(Sender.CLIENT, 22, 1)
    assert found is not None
    assert found.number == 1
    assert seen.find(Sender.CLIENT, 21, 1) is None


def test_nothing_was_seen_of_a_new_conversation() -> None:
    seen = Conversation()
    assert seen.sent == {Sender.CLIENT: 0, Sender.SERVER: 0}
    assert seen.application == {Sender.CLIENT: b"", Sender.SERVER: b""}
    assert seen.opened
    assert Conversation().sent is not seen.sent


def test_what_was_said_inside_is_in_no_repr() -> None:
    seen = Conversation(application={Sender.CLIENT: b"correct horse", Sender.SERVER: b""})
    assert "horse" not in repr(seen)
