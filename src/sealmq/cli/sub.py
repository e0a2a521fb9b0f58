"""`sealmq sub`: subscribe and print, with mosquitto_sub's habits."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

import typer

from sealmq.cli import options as o
from sealmq.cli.texts import expect_text
from sealmq.errors import ConfigError, Error, ProtocolError

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessage
    from paho.mqtt.properties import Properties

    from sealmq.cli.connection import Connection
    from sealmq.cli.message_format import Received

TIMED_OUT: Final = 27
"""The exit code of -W, as mosquitto_sub has it."""

LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts to connect again, at most."""


@o.with_connection_options
def sub(
    topics: Annotated[list[str] | None, typer.Argument(metavar="TOPIC...", help="Topic filters.")] = None,
    more_topics: Annotated[
        list[str] | None, typer.Option("--topic", "-t", metavar="TOPIC", help="The same, as an option.")
    ] = None,
    qos: Annotated[int, typer.Option("--qos", "-q", metavar="QOS", min=0, max=2, help="Quality of service.")] = 0,
    count: Annotated[
        int | None, typer.Option("-C", metavar="COUNT", min=1, help="Exit after so many messages.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("-W", metavar="SECONDS", min=0, help="Exit with code 27 after so many seconds.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print 'topic payload': what is done anyway.")
    ] = False,
    payload_only: Annotated[bool, typer.Option("--payload-only", help="Print payloads only: -F %p.")] = False,
    text_format: Annotated[
        str | None,
        typer.Option(
            "-F", metavar="FORMAT", help="Print like this: %t topic, %p payload, %j JSON, %q, %r ... @H @M \\n."
        ),
    ] = None,
    no_newline: Annotated[bool, typer.Option("-N", help="No end of line after a message.")] = False,
    no_retained: Annotated[bool, typer.Option("-R", help="Leave retained messages out.")] = False,
    retained_only: Annotated[
        bool, typer.Option("--retained-only", help="Print retained messages, exit at the first that is not.")
    ] = False,
    retain_as_published: Annotated[
        bool, typer.Option("--retain-as-published", help="Show the retain flag as the publisher set it (MQTT 5).")
    ] = False,
    filter_out: Annotated[
        list[str] | None, typer.Option("--filter-out", "-T", metavar="TOPIC", help="Leave these topics out.")
    ] = None,
    subscribe_only: Annotated[bool, typer.Option("-E", help="Exit when the subscriptions were acknowledged.")] = False,
    remove_retained: o.RemoveRetainedOption = False,
    unsubscribe: o.UnsubscribeOption = None,
    *,
    connect: o.ConnectionOptions,
) -> None:
    """Subscribe over TLS, and print each message as 'topic payload'.

    It connects again when the connection was lost, and says so on stderr. Ctrl-C ends it with exit code 0.
    """
    from sealmq.cli.connection import Connection

    wanted = Wanted(
        filters=_filters([*(topics or []), *(more_topics or [])], "TOPIC"),
        qos=qos,
        left_out=_filters(filter_out or [], "-T", needed=False),
        count=count,
        no_retained=no_retained,
        retained_only=retained_only,
        retain_as_published=retain_as_published,
        subscribe_only=subscribe_only,
    )
    write = writer(read_format(text_format, payload_only=payload_only, verbose=verbose), no_newline, sys.stdout.buffer)
    if retain_as_published and connect.version in ("311", "mqttv311"):
        raise ConfigError("--retain-as-published is for MQTT 5", remedy="-V 5")
    dial = o.read_dial(connect)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the same goodbye for both
    connection = Connection(dial)
    subscriber = Subscriber(connection, wanted, write, quiet=connect.quiet)
    try:
        subscriber.run(seconds)
    except KeyboardInterrupt:
        pass  # the way to end it
    except Error as error:
        if connect.quiet:
            raise typer.Exit(1) from error
        raise
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is subscribed to, which messages of it are printed, and when it is enough."""

    filters: tuple[str, ...]
    qos: int = 0
    left_out: tuple[str, ...] = ()
    count: int | None = None
    no_retained: bool = False
    retained_only: bool = False
    retain_as_published: bool = False
    subscribe_only: bool = False


def read_format(text: str | None, *, payload_only: bool, verbose: bool) -> str:
    """The format that the three options mean; -F wins over -v, as with mosquitto_sub."""
    from sealmq.cli.message_format import PAYLOAD_ONLY, TOPIC_AND_PAYLOAD

    if payload_only and (verbose or text is not None):
        raise ConfigError("--payload-only does not go with -v or -F", remedy="keep one of them")
    if text is not None:
        return text
    return PAYLOAD_ONLY if payload_only else TOPIC_AND_PAYLOAD


def writer(text_format: str, no_newline: bool, out: BinaryIO) -> Callable[[Received], None]:
    """A function that writes one message to `out`, whole and at once."""
    from sealmq.cli.message_format import compile_format

    shape = compile_format(text_format)
    end = b"" if no_newline else b"\n"

    def write(message: Received) -> None:
        try:
            line = shape(message) + end
        except ValueError as error:  # %J with a payload that is no JSON
            typer.echo(f"sealmq: {error}", err=True)
            return
        out.write(line)
        out.flush()

    return write


def _filters(texts: list[str], option: str, *, needed: bool = True) -> tuple[str, ...]:
    from sealmq.mqtt.topics import check_topic_filter

    if needed and not texts:
        raise ConfigError("no topic is given", remedy="sealmq sub 'devices/#'")
    for text in texts:
        expect_text(option, text)
        try:
            check_topic_filter(text)
        except ProtocolError as error:
            raise ConfigError(f"{option} {text!r} is no topic filter", why=error.what) from None
    return tuple(texts)


class Subscriber:
    """Subscribes, prints what is wanted, acknowledges what was printed, and connects again when it must."""

    def __init__(
        self, connection: Connection, wanted: Wanted, write: Callable[[Received], None], *, quiet: bool = False
    ) -> None:
        self._connection = connection
        self._wanted = wanted
        self._write = write
        self._quiet = quiet
        self._printed = 0
        self._done = False
        self._waiting_for: int | None = None
        self._refusal: Error | None = None
        client = connection.client
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        # By hand, so that -C never acknowledges a message that was not printed.
        client.manual_ack_set(True)

    def run(self, seconds: float | None) -> None:
        """Until it is enough, or `seconds` after the first connection: then typer.Exit with TIMED_OUT."""
        self._connection.open()
        deadline = None if seconds is None else time.monotonic() + seconds
        self._subscribe()
        while not self._is_done():
            left = 1.0 if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise typer.Exit(TIMED_OUT)
            try:
                self._connection.turn(left)
            except Error as error:
                # What made us stop may have ended the connection in the same breath.
                if self._is_done():
                    return
                self._connect_again(error, deadline)
            if self._refusal is not None:
                raise self._refusal

    def _is_done(self) -> bool:
        return self._done

    def _connect_again(self, error: Error, deadline: float | None) -> None:
        pause = 1.0
        while True:
            if not self._connection.transient:
                raise error
            if not self._quiet:
                typer.echo(f"sealmq: {error.what}; connecting again in {pause:.0f} s", err=True)
            left = pause if deadline is None else min(pause, deadline - time.monotonic())
            time.sleep(max(left, 0))
            if deadline is not None and time.monotonic() >= deadline:
                raise typer.Exit(TIMED_OUT)
            pause = min(pause * 2, LONGEST_PAUSE)
            try:
                self._connection.open()
            except Error as again:
                error = again
                continue
            self._subscribe()
            return

    def _subscribe(self) -> None:
        from paho.mqtt.client import MQTTv5
        from paho.mqtt.subscribeoptions import SubscribeOptions

        wanted = self._wanted
        dial = self._connection.dial
        if dial.version == MQTTv5:
            options = SubscribeOptions(qos=wanted.qos, retainAsPublished=wanted.retain_as_published)
            asked: Any = [(text, options) for text in wanted.filters]
        else:
            asked = [(text, wanted.qos) for text in wanted.filters]
        _, self._waiting_for = self._connection.client.subscribe(asked, properties=dial.properties.get("subscribe"))

    def _on_subscribe(self, client: Any, userdata: Any, packet_id: int, codes: list[Any], properties: Any) -> None:
        from paho.mqtt.client import MQTTv5

        from sealmq.cli.connection import reason_string
        from sealmq.cli.refusals import explain_reason

        if packet_id != self._waiting_for:
            return
        for text, code in zip(self._wanted.filters, codes, strict=False):
            if code.is_failure:
                what = f"the broker refused the subscription to {text!r}"
                why = reason_string(properties)
                if not why and self._connection.dial.version != MQTTv5:
                    why = "MQTT 3.1.1 has no words for it; -V 5 has"
                self._refusal = explain_reason(what, code.value, why)
                return
        if self._wanted.subscribe_only:
            self._done = True

    def _on_message(self, client: Any, userdata: Any, message: MQTTMessage) -> None:
        if self._done:
            return
        if self._wanted.retained_only and not message.retain:
            self._done = True
            return
        if self._is_printed(message):
            self._write(received(message))
            self._printed += 1
            self._done = self._printed == self._wanted.count
        client.ack(message.mid, message.qos)

    def _is_printed(self, message: MQTTMessage) -> bool:
        from sealmq.mqtt.topics import matches

        if self._wanted.no_retained and message.retain:
            return False
        return not any(matches(text, message.topic) for text in self._wanted.left_out)


def received(message: MQTTMessage) -> Received:
    """paho's message as the output formats know it."""
    from sealmq.cli.message_format import Received

    properties: Properties | None = message.properties

    def value(name: str) -> Any:
        return getattr(properties, name, None)

    return Received(
        topic=message.topic,
        payload=bytes(message.payload),
        qos=message.qos,
        retain=bool(message.retain),
        packet_id=message.mid,
        arrived=time.time_ns(),
        content_type=value("ContentType"),
        response_topic=value("ResponseTopic"),
        correlation_data=value("CorrelationData"),
        expiry=value("MessageExpiryInterval"),
        payload_format=value("PayloadFormatIndicator"),
        subscription_ids=tuple(value("SubscriptionIdentifier") or ()),
        user_properties=tuple(value("UserProperty") or ()),
    )
