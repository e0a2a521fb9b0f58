"""Topic names and topic filters [MQTT 4.7, 4.8.2]: two concepts, two words, two checks.

A topic *name* says where one message belongs; a topic *filter* says which names somebody wants. `sport/tennis` is
both; `sport/+` is a filter alone.

`matches`, `covers` and `intersects` take filters that `check_topic_filter` has passed, without a `$share/group/`
before them: take that off with `split_shared` first.
"""

from __future__ import annotations

from sealmq.errors import RemoteProtocolError

TOPIC_FILTER_INVALID = 0x8F
TOPIC_NAME_INVALID = 0x90
"""ReasonCode.TOPIC_FILTER_INVALID and TOPIC_NAME_INVALID: the codes are a neighbour of this file, not a floor below."""

MAXIMUM_TOPIC = 65_535
"""The most bytes of a topic name or filter [MQTT-4.7.3-3]."""

SHARED = "$share/"
"""How the filter of a shared subscription begins [MQTT-4.8.2-1]."""


def check_topic_name(name: str) -> None:
    """Raise RemoteProtocolError (Topic Name invalid) unless `name` is one that a message may be published to."""
    if "+" in name or "#" in name:  # [MQTT-4.7.0-1]
        raise RemoteProtocolError("a topic name contains a wildcard", TOPIC_NAME_INVALID)
    _check_text(name, "name", TOPIC_NAME_INVALID)


def check_topic_filter(topic_filter: str) -> None:
    """Raise RemoteProtocolError (Topic Filter invalid) unless `topic_filter` is one that may be subscribed to.

    The filter of a shared subscription is passed whole, `$share/group/filter`.
    """
    _check_text(topic_filter, "filter", TOPIC_FILTER_INVALID)
    shared = split_shared(topic_filter)
    levels = (shared[1] if shared else topic_filter).split("/")
    for level in levels[:-1]:
        if "#" in level:  # [MQTT-4.7.1-1]
            raise RemoteProtocolError("'#' is not the last level of a topic filter", TOPIC_FILTER_INVALID)
    if "#" in levels[-1] and levels[-1] != "#":  # [MQTT-4.7.1-1]
        raise RemoteProtocolError("'#' does not stand alone in its level of a topic filter", TOPIC_FILTER_INVALID)
    for level in levels:
        if "+" in level and level != "+":  # [MQTT-4.7.1-2]
            raise RemoteProtocolError("'+' does not stand alone in its level of a topic filter", TOPIC_FILTER_INVALID)


def _check_text(text: str, kind: str, reason_code: int) -> None:
    if not text:  # [MQTT-4.7.3-1]
        raise RemoteProtocolError(f"a topic {kind} is empty", reason_code)
    if "\0" in text:  # [MQTT-4.7.3-2]
        raise RemoteProtocolError(f"a topic {kind} contains the null character", reason_code)
    try:
        length = len(text.encode())
    except UnicodeEncodeError:  # [MQTT-1.5.4-1]
        raise RemoteProtocolError(f"a topic {kind} contains a surrogate", reason_code) from None
    if length > MAXIMUM_TOPIC:  # [MQTT-4.7.3-3]
        raise RemoteProtocolError(f"a topic {kind} is longer than {MAXIMUM_TOPIC} bytes", reason_code)


def split_shared(topic_filter: str) -> tuple[str, str] | None:
    """Take `$share/group/filter` apart into (group, filter); None for a filter that is not shared.

    Raises RemoteProtocolError (Topic Filter invalid) where it begins with `$share/` and is not well made: such a
    filter must not pass for an ordinary one.
    """
    if not topic_filter.startswith(SHARED):
        return None
    group, slash, shared_filter = topic_filter[len(SHARED) :].partition("/")
    if not group:  # [MQTT-4.8.2-1]
        raise RemoteProtocolError("a shared subscription has no group name", TOPIC_FILTER_INVALID)
    if "+" in group or "#" in group:  # [MQTT-4.8.2-2]
        raise RemoteProtocolError("the group name of a shared subscription contains a wildcard", TOPIC_FILTER_INVALID)
    if not slash or not shared_filter:  # [MQTT-4.8.2-2]
        raise RemoteProtocolError("a shared subscription has no topic filter behind its group", TOPIC_FILTER_INVALID)
    return group, shared_filter


def wanted_by(topic_filter: str) -> str:
    """What a subscription asks for: of a shared one, the filter behind its group [MQTT 4.8.2]."""
    shared = split_shared(topic_filter)
    return topic_filter if shared is None else shared[1]


def matches(topic_filter: str, topic_name: str) -> bool:
    """Whether a message published to `topic_name` is one that `topic_filter` asks for [MQTT 4.7].

    Letter by letter, as both came [MQTT-4.7.3-4].
    """
    if topic_name[:1] == "$" and topic_filter[:1] in ("+", "#"):  # [MQTT-4.7.2-1]
        return False
    wanted = topic_filter.split("/")
    levels = topic_name.split("/")
    if wanted[-1] == "#":
        # `sport/#` also matches its parent, `sport` [MQTT 4.7.1.2].
        wanted.pop()
        if len(levels) < len(wanted):
            return False
    elif len(levels) != len(wanted):
        return False
    return all(level in ("+", name) for level, name in zip(wanted, levels, strict=False))


def covers(wide: str, narrow: str) -> bool:
    """Whether every topic name that the filter `narrow` matches is matched by the filter `wide` too.

    An access rule for `wide` allows a subscription to `narrow` exactly when this holds.
    """
    if wide[:1] in ("+", "#") and narrow[:1] == "$":  # [MQTT-4.7.2-1]
        return False
    wide_levels, wide_open = _levels(wide)
    narrow_levels, narrow_open = _levels(narrow)
    if narrow_open and not wide_open:
        return False
    if wide_open:
        if len(narrow_levels) < len(wide_levels):
            return False
    elif len(narrow_levels) != len(wide_levels):
        return False
    return all(level in ("+", under) for level, under in zip(wide_levels, narrow_levels, strict=False))


def intersects(first: str, second: str) -> bool:
    """Whether some topic name is matched by both filters."""
    if (first[:1] in ("+", "#") and second[:1] == "$") or (second[:1] in ("+", "#") and first[:1] == "$"):
        return False  # [MQTT-4.7.2-1]
    first_levels, first_open = _levels(first)
    second_levels, second_open = _levels(second)
    if len(first_levels) < len(second_levels) and not first_open:
        return False
    if len(second_levels) < len(first_levels) and not second_open:
        return False
    return all(
        one == other or one == "+" or other == "+" for one, other in zip(first_levels, second_levels, strict=False)
    )


def _levels(topic_filter: str) -> tuple[list[str], bool]:
    """The levels without the last '#', and whether there was one.

    No topic name is empty [MQTT-4.7.3-1]: so `#` is the same as `+/#`, and `/#`, which has no parent, as `/+/#`.
    """
    levels = topic_filter.split("/")
    if levels[-1] != "#":
        return levels, False
    levels.pop()
    if not levels:
        return ["+"], True
    if levels == [""]:
        return ["", "+"], True
    return levels, True
