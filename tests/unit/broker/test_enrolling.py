"""Certificates over MQTT in memory: who may ask, who hears the answer, what is acknowledged, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sealmq.broker.certificate_requests import Certified, Declined
from sealmq.broker.enrolling import Answer, Asking, Buckets
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.packets import PubAck, PubComp, Publish, PubRec
from stacks import Client, Stage

CSR, RENEW = "$enroll/csr/json", "$enroll/renew/json"
PEM = "-----BEGIN CERTIFICATE REQUEST-----"
CERTIFIED = Certified("sensor-1", "0a", b"leaf", (b"ca",), (b"root",), 0.0, 9.0)


class HeldEnroller:
    """Keeps what it is asked, until the test answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[Asking, Answer]] = []

    def ask(self, asking: Asking, answer: Answer) -> None:
        self.asked.append((asking, answer))


class EnrollStage(Stage):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.enroller = self.broker.publishing.enrolling.enroller = HeldEnroller()
        self.registry.claims.add("claim:1")

    def answer(self, answer: Certified | Declined = CERTIFIED) -> None:
        """The oldest question is answered."""
        _, say = self.enroller.asked.pop(0)
        say(answer)
        self.house.ask_for_end_of_turn()
        self.settle()

    def asking(self, name: str = "sensor-1", topic: str = RENEW, qos: int = 1, level: int = 5) -> Client:
        """A client that is connected, and hears the answers to `topic`."""
        client = self.client(name, level=level)
        client.connect("")
        assert client.subscribe(f"{topic}/+", qos) == [qos]
        return client


def request(**said: object) -> bytes:
    return json.dumps({"csr": PEM} | said).encode()


def said(message: Publish) -> dict[str, Any]:
    answer = json.loads(message.payload)
    assert isinstance(answer, dict)
    return answer


def refusal(client: Client) -> str:
    (message,) = client.messages()
    assert message.topic.endswith("/rejected")
    return str(said(message)["code"])


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize(
    ("name", "topic", "operation"),
    [
        ("claim:1", CSR, "enroll"),
        ("sensor-1", RENEW, "renew"),
        ("claim:1", "$enroll/csr", "enroll"),
        ("sensor-1", "$enroll/renew", "renew"),
    ],
)
def test_who_may_ask_is_answered_on_the_link_that_asked(level: int, name: str, topic: str, operation: str) -> None:
    stage = EnrollStage()
    client = stage.asking(name, topic, level=level)
    client.publish(topic, request(id=7, name="sensor-1"), qos=1)
    assert client.expect(PubAck).reason_code == 0
    assert not client.messages()
    assert stage.enroller.asked[0][0] == Asking(
        *(operation, PEM.encode(), "sensor-1", f"serial of {name}", client.wire.peer)  # type: ignore[arg-type]
    )
    stage.answer()
    (message,) = client.messages()
    assert (message.topic, message.qos, message.retain) == (f"{topic}/accepted", 1, False)
    assert said(message)["id"] == 7
    assert "BEGIN CERTIFICATE-----" in said(message)["certificate"]


def test_correlation_data_comes_back_and_the_answer_says_that_it_is_json() -> None:
    stage = EnrollStage()
    client = stage.asking()
    client.publish(RENEW, request(), correlation_data=b"\0\1", response_topic="elsewhere")
    stage.answer(Declined("forbidden", "no"))
    (message,) = client.messages()
    assert message.topic == f"{RENEW}/rejected"
    properties = message.properties
    assert (properties.correlation_data, properties.content_type) == (b"\0\1", "application/json")
    assert properties.payload_format_indicator == 1


def test_overlapping_subscriptions_are_one_answer_with_all_their_identifiers() -> None:
    stage = EnrollStage()
    client = stage.client("sensor-1")
    client.connect("")
    client.subscribe(f"{RENEW}/#", 0, identifier=3)
    client.subscribe(f"{RENEW}/accepted", 2, identifier=4)
    client.publish(RENEW, request())
    stage.answer()
    (message,) = client.messages()
    assert (message.qos, sorted(message.properties.subscription_identifiers)) == (2, [3, 4])


def test_nobody_else_hears_it_not_even_the_same_device_or_a_shared_subscription() -> None:
    stage = EnrollStage()
    other, shared, operator = stage.asking(), stage.client("sensor-1"), stage.client("operator")
    for client, topic_filter in ((shared, f"$share/g/{RENEW}/+"), (operator, "#")):
        client.connect("")
        assert client.subscribe(topic_filter) == [0]
    assert operator.subscribe(f"{RENEW}/#") == [0]
    asking = stage.asking()
    asking.publish(RENEW, request())
    stage.answer()
    assert len(asking.messages()) == 1
    assert not other.messages() + shared.messages() + operator.messages()
    shared.publish(RENEW, request())
    assert not stage.enroller.asked, "who shares its subscription hears no answer, and so is not served"


def test_an_answer_is_for_the_link_that_asked_and_not_for_the_next() -> None:
    stage = EnrollStage()
    client = stage.client("sensor-1")
    client.connect("lasting", session_expiry_interval=600)
    client.subscribe(f"{RENEW}/+", 1)
    client.publish(RENEW, request())
    client.lose()
    again = stage.client("sensor-1")
    assert again.connect("lasting", clean_start=False, session_expiry_interval=600).session_present
    stage.answer()
    assert not again.messages()
    again.publish(RENEW, request())
    stage.answer()
    assert len(again.messages()) == 1


def test_who_has_not_subscribed_is_not_served_and_told_so() -> None:
    stage = EnrollStage()
    client = stage.client("sensor-1")
    client.connect("")
    client.publish(RENEW, request(), qos=1)
    answer = client.expect(PubAck)
    assert answer.reason_code == ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR
    assert "subscribe to" in (answer.properties.reason_string or "")
    client.subscribe(f"{RENEW}/rejected")
    client.publish(RENEW, request(id=4))
    assert refusal(client) == "deaf"
    assert not stage.enroller.asked


def test_mqtt_311_acknowledges_what_it_cannot_refuse() -> None:
    stage = EnrollStage()
    client = stage.client("sensor-1", level=4)
    client.connect("old")
    client.publish(RENEW, request(), qos=1)
    assert client.expect(PubAck).reason_code == 0
    assert not stage.enroller.asked


def test_qos_2_asks_once_however_often_it_is_said() -> None:
    stage = EnrollStage()
    client = stage.client("sensor-1", answering=False)
    client.connect("")
    client.subscribe(f"{RENEW}/+")
    for _ in range(2):
        client.send(Publish(RENEW, request(), 2, packet_id=9))
        assert client.expect(PubRec).reason_code == 0
    assert len(stage.enroller.asked) == 1
    answering = stage.asking("sensor-2")
    answering.publish(RENEW, request(), qos=2)
    assert answering.expect(PubRec).reason_code == 0
    assert answering.expect(PubComp).reason_code == 0


def test_a_link_has_one_request_at_a_time() -> None:
    stage = EnrollStage()
    client = stage.asking()
    client.publish(RENEW, request())
    client.publish(RENEW, request(id=2))
    assert refusal(client) == "busy"
    stage.answer()
    client.messages()
    client.publish(RENEW, request())
    assert len(stage.enroller.asked) == 1


def test_an_identity_that_asks_in_a_loop_has_to_wait() -> None:
    stage = EnrollStage()
    client = stage.asking()
    for _ in range(5):
        client.publish(RENEW, request())
        stage.answer()
    client.messages()
    client.publish(RENEW, request())
    (message,) = client.messages()
    assert (said(message)["code"], said(message)["retry_after"]) == ("busy", 11)
    stage.wait(11)
    client.publish(RENEW, request())
    assert len(stage.enroller.asked) == 1


def test_what_cannot_be_read_or_is_retained_is_refused_with_its_id() -> None:
    stage = EnrollStage()
    client = stage.asking()
    client.publish(RENEW, request(id=3, csr=5))
    (message,) = client.messages()
    assert (message.topic, said(message)["id"], said(message)["code"]) == (f"{RENEW}/rejected", 3, "malformed")
    client.publish(RENEW, request(), retain=True)
    assert refusal(client) == "malformed"
    assert stage.broker.retained.count == 0
    assert not stage.enroller.asked


def test_a_client_too_small_for_the_answer_is_told_what_to_raise() -> None:
    stage = EnrollStage()
    client = stage.client("sensor-1")
    client.connect("", maximum_packet_size=700)
    client.subscribe(f"{RENEW}/+")
    client.publish(RENEW, request())
    stage.answer()
    assert refusal(client) == "too-large"


def test_where_nothing_is_given_out_the_answer_says_so() -> None:
    stage = Stage()
    client = stage.client("sensor-1")
    client.connect("")
    client.subscribe(f"{RENEW}/+")
    client.publish(RENEW, request())
    assert refusal(client) == "unavailable"


def test_a_bucket_gives_so_many_at_once_and_then_one_after_the_other() -> None:
    buckets = Buckets(3, 10.0)
    assert [buckets.take("a", 0.0) for _ in range(4)] == [0, 0, 0, 10]
    assert buckets.take("b", 0.0) == 0
    assert buckets.take("a", 4.0) == 6
    assert buckets.take("a", 10.0) == 0
    assert buckets.take("a", 10.0) == 10
    assert [buckets.take("a", 1_000.0) for _ in range(4)] == [0, 0, 0, 10]


def test_the_buckets_remember_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Buckets, "MOST", 3)
    buckets = Buckets(1, 10.0)
    assert [buckets.take(name, 0.0) for name in "abcd"] == [0] * 4
    assert buckets.take("d", 1.0) == 9
    assert buckets.take("a", 1.0) == 0, "it had to be forgotten for d"
    assert [buckets.take(name, 60.0) for name in "efg"] == [0] * 3
