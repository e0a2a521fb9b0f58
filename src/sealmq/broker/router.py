"""Who wants this topic? Subscriptions in, routes out.

Subscriptions without wildcards stand in a dictionary, those with wildcards in a tree of topic levels. A route is worked
out once for each topic name and remembered until a subscription that it concerns changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import TypeAlias

from sealmq.broker.groups import Group
from sealmq.broker.sessions import Held, Session
from sealmq.mqtt.aliases import SHORTEST
from sealmq.mqtt.codes import ProtocolLevel
from sealmq.mqtt.topics import SHARED, split_shared

Holder: TypeAlias = Session | Group
"""Who stands at a topic filter: a session for itself, or a group for all its members."""

REMEMBERED_ROUTES = 65_536
"""Routes kept at most: a client that makes up topic names must not fill the memory. Then all are forgotten at once,
which is cheap, and rare where topic names are finite."""

REMEMBERED_LENGTH = 256
"""Characters of the longest topic name that is remembered: 65,536 of the longest that there are would be 4 GB."""


class Taker:
    """One session that gets a message; its overlapping subscriptions are one taker.

    [MQTT-3.3.4-2], [MQTT 3.1.1: MQTT-3.3.5-1]

    of_its_own: what it is to messages of its own client: without the subscriptions that ask for No Local; None where
                all of them do [MQTT-3.8.3-3].
    """

    __slots__ = ("of_its_own", "qos", "retain_as_published", "session", "subscription_identifiers")

    def __init__(self, session: Session, held: Held) -> None:
        self.session = session
        self.qos = held.subscription.qos
        self.of_its_own: Taker | None = None if held.subscription.no_local else self
        self.retain_as_published = held.subscription.retain_as_published
        self.subscription_identifiers: tuple[int, ...] = (held.identifier,) if held.identifier else ()

    @property
    def differs(self) -> bool:
        """Is this taker's copy of a QoS 0 message other than everybody's?"""
        return self.of_its_own is None or self.retain_as_published or bool(self.subscription_identifiers)

    def add(self, held: Held) -> None:
        """Another subscription of the same session matches too."""
        if held.subscription.no_local:
            if self.of_its_own is self:
                self.of_its_own = copy(self)
                self.of_its_own.of_its_own = self.of_its_own
        elif self.of_its_own is None:
            self.of_its_own = Taker(self.session, held)
        elif self.of_its_own is not self:
            self.of_its_own.add(held)
        self.qos = max(self.qos, held.subscription.qos)
        self.retain_as_published = self.retain_as_published or held.subscription.retain_as_published
        if held.identifier and held.identifier not in self.subscription_identifiers:
            self.subscription_identifiers += (held.identifier,)


class Route:
    """What publishing to one topic name means.

    takers:   everybody who gets it.
    groups:   shared subscriptions, of each of which one member gets it.
    plain_v311, plain_v5: the sessions to which a QoS 0 message goes as the same bytes for all: nothing in their
              subscriptions or limits makes their copy differ. The fan-out's fast way.
    aliased:  sessions for which the same holds, but that take topic aliases, and the topic name is worth one.
    special:  the takers whose copy must be looked at one by one.
    sessions: all the takers', to ask whether one is behind.
    """

    __slots__ = ("aliased", "groups", "plain_v5", "plain_v311", "sessions", "special", "takers")

    def __init__(self, takers: list[Taker], groups: tuple[Group, ...] = (), *, topic_is_long: bool = False) -> None:
        self.takers = takers
        self.groups = groups
        self.special: list[Taker] = []
        v311: list[Session] = []
        v5: list[Session] = []
        aliased: list[Session] = []
        for taker in takers:
            session = taker.session
            if taker.differs or session.packet_limit:
                self.special.append(taker)
            elif topic_is_long and session.takes_aliases:
                aliased.append(session)
            elif session.level == ProtocolLevel.V311:
                v311.append(session)
            else:
                v5.append(session)
        self.plain_v311 = tuple(v311)
        self.plain_v5 = tuple(v5)
        self.aliased = tuple(aliased)
        self.sessions = frozenset(taker.session for taker in takers)


class _Level:
    """One level of the tree of filters with wildcards."""

    __slots__ = ("below", "here")

    def __init__(self) -> None:
        self.below: dict[str, _Level] = {}
        self.here: dict[Holder, Held] = {}


class Router:
    """Every subscription of every session.

    groups:   the shared subscriptions by their whole filter, `$share/group/filter`.
    searches: how often a route was worked out: each may cost milliseconds, where thousands of filters cross.
    """

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self._exact: dict[str, dict[Holder, Held]] = {}
        self._tree = _Level()
        self._routes: dict[str, Route] = {}
        self.searches = 0

    def route(self, topic: str) -> Route:
        """Who wants this topic name, remembered: those whose filter matches it [MQTT-3.3.2-3], and no others."""
        route = self._routes.get(topic)
        if route is None:
            self.searches += 1
            route = self._find(topic)
            if len(topic) <= REMEMBERED_LENGTH:
                if len(self._routes) >= REMEMBERED_ROUTES:
                    self._routes.clear()
                self._routes[topic] = route
        return route

    def subscribe(self, session: Session, held: Held) -> None:
        """Add a subscription, or replace the session's one to the same filter [MQTT-3.8.4-3]."""
        topic_filter = held.subscription.topic_filter
        shared = split_shared(topic_filter)
        if shared is None:
            self._add(topic_filter, session, held)
            return
        group = self.groups.get(topic_filter)
        if group is None:
            group = self.groups[topic_filter] = Group()
            self._add(shared[1], group, held)
        group.join(session, held)

    def unsubscribe(self, session: Session, topic_filter: str) -> None:
        """Take a subscription away; nothing happens when it is not there."""
        shared = split_shared(topic_filter)
        if shared is None:
            self._remove(topic_filter, session)
            return
        group = self.groups.get(topic_filter)
        if group is not None:
            group.leave(session)
            if not group.members:
                del self.groups[topic_filter]
                self._remove(shared[1], group)

    def presence_changed(self, session: Session) -> None:
        """The session's client has come or gone: its groups have to know."""
        for topic_filter in session.subscriptions:
            if topic_filter.startswith(SHARED):
                self.groups[topic_filter].presence_changed()

    def forget_routes(self) -> None:
        """A session's protocol level or limits changed: work the routes out anew."""
        self._routes.clear()

    def _add(self, topic_filter: str, holder: Holder, held: Held) -> None:
        if _has_wildcard(topic_filter):
            level = self._tree
            for name in topic_filter.split("/"):
                below = level.below.get(name)
                if below is None:
                    below = level.below[name] = _Level()
                level = below
            level.here[holder] = held
            self._routes.clear()
        else:
            self._exact.setdefault(topic_filter, {})[holder] = held
            self._routes.pop(topic_filter, None)

    def _remove(self, topic_filter: str, holder: Holder) -> None:
        if _has_wildcard(topic_filter):
            self._prune(holder, topic_filter.split("/"))
            self._routes.clear()
            return
        holders = self._exact.get(topic_filter)
        if holders is not None:
            holders.pop(holder, None)
            if not holders:
                del self._exact[topic_filter]
            self._routes.pop(topic_filter, None)

    def _prune(self, holder: Holder, names: list[str]) -> None:
        path = [self._tree]
        for name in names:
            below = path[-1].below.get(name)
            if below is None:
                return
            path.append(below)
        path[-1].here.pop(holder, None)
        for depth in range(len(names), 0, -1):
            if path[depth].here or path[depth].below:
                break
            del path[depth - 1].below[names[depth - 1]]

    def _find(self, topic: str) -> Route:
        takers: dict[Session, Taker] = {}
        groups: list[Group] = []
        for holder, held in self._holders(topic):
            if isinstance(holder, Group):
                groups.append(holder)
                continue
            taker = takers.get(holder)
            if taker is None:
                takers[holder] = Taker(holder, held)
            else:
                taker.add(held)
        return Route(list(takers.values()), tuple(groups), topic_is_long=len(topic.encode()) >= SHORTEST)

    def _holders(self, topic: str) -> Iterator[tuple[Holder, Held]]:
        yield from self._exact.get(topic, {}).items()
        names = topic.split("/")
        levels = [self._tree]
        for depth, name in enumerate(names):
            following: list[_Level] = []
            # [MQTT-4.7.2-1]: a wildcard at the beginning does not match topic names that begin with "$".
            wildcards = not (depth == 0 and name.startswith("$"))
            for level in levels:
                below = level.below
                exact = below.get(name)
                if exact is not None:
                    following.append(exact)
                if wildcards:
                    single = below.get("+")
                    if single is not None:
                        following.append(single)
                    multi = below.get("#")
                    if multi is not None:
                        yield from multi.here.items()
            levels = following
        for level in levels:
            yield from level.here.items()
            multi = level.below.get("#")  # "sport/#" also matches "sport" [MQTT 4.7.1.2]
            if multi is not None:
                yield from multi.here.items()


def _has_wildcard(topic_filter: str) -> bool:
    return "+" in topic_filter or "#" in topic_filter
