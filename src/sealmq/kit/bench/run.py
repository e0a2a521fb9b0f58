"""Run one workload: start the load, say when, watch the broker meanwhile, make a Result of what the load says."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeAlias

from sealmq.errors import Error, HomeError
from sealmq.kit.bench.absent import COUNTING, wait_away
from sealmq.kit.bench.ballast import Grow, Grown, hold
from sealmq.kit.bench.callers import Called, call
from sealmq.kit.bench.crew import Expect, Go, Hand, Phase, Progress, Ready, Stop, counter, hands, hear_all, hear_any
from sealmq.kit.bench.crowd import BACK, Pinged, Returned, gather
from sealmq.kit.bench.givers import CONNECTING, FINISHING, Given, give
from sealmq.kit.bench.latency import Latencies
from sealmq.kit.bench.result import Result
from sealmq.kit.bench.takers import DRAINING, Taken, take
from sealmq.kit.bench.target import Target
from sealmq.kit.bench.watch import Moment, Watch
from sealmq.kit.bench.workloads import Calls, Durable, Flow, Idle, Scale, Storm, Workload

Tell: TypeAlias = Callable[[str, float], None]
"""Told what is being done, and what share of the workload's time is over."""

SLACK: Final = 15.0
"""Seconds by which the load may be later than its own deadlines say."""

_LOOK: Final = 0.1  # seconds between two looks at the broker's memory
_START: Final = 0.05  # seconds from Go to the beginning: it must have arrived everywhere
CALM: Final = 1.0
"""Seconds after which a broker that was given much to do at once is at rest again."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long and how much.

    seconds:  for which a workload sends.
    messages: that it sends at most; a count of connections, where those are counted.
    """

    seconds: float = 5.0
    messages: int = 100_000_000


def run(workload: Workload, target: Target, watch: Watch, bounds: Bounds, prefix: str, tell: Tell) -> Result:
    """One workload. Raises Error when it cannot be measured, ConfigError among them.

    prefix: topics begin with it; a word that no other run has is added, so that runs do not meet.
    """
    one = _Run(target, watch, bounds, f"{prefix}/{secrets.token_hex(3)}", tell)
    match workload:
        case Flow():
            return one.flow(workload)
        case Calls():
            return one.calls(workload)
        case Idle():
            return one.idle(workload)
        case Storm():
            return one.storm(workload)
        case Durable():
            return one.durable(workload)
        case Scale():
            return one.scale(workload)


def failed(workload: Workload, error: Error) -> Result:
    """The result of one that cannot be measured."""
    return Result(workload.name, workload.told, failure=f"{error.what}: {error.why}".rstrip(": "))


class _Run:
    """What the kinds of workloads share."""

    def __init__(self, target: Target, watch: Watch, bounds: Bounds, prefix: str, tell: Tell) -> None:
        self._target = target
        self._watch = watch
        self._bounds = bounds
        self._prefix = prefix
        self._tell = tell
        self._began = 0.0
        self._before: Moment | None = None
        self._reports: list[Any] = []

    # -- the kinds -------------------------------------------------------------------------------------------------

    def flow(self, flow: Flow) -> Result:
        """Messages."""
        arrived = counter()
        self._reports.clear()  # a scale's flows follow one another
        with hands(
            (take, self._target, flow, self._prefix, arrived), self._giver(flow, arrived, self._bounds.seconds)
        ) as (taker, giver):
            self._connect(f"{flow.publishers + flow.subscribers:,} connections", [taker, giver])
            self._begin([taker, giver])
            given: Given = self._hear(giver, Given, self._bounds.seconds, beside=[taker])
            taker.tell(Expect(given.sent * flow.copies))
            taken: Taken = self._hear(taker, Taken, self._bounds.seconds, longest=DRAINING)
            result = self._result(flow, taken.last)
        _fill_in(result, flow, given, taken)
        return result

    def calls(self, calls: Calls) -> Result:
        """Connections that are made and left."""
        seconds, most = self._bounds.seconds, self._bounds.messages
        with hands((call, self._target, calls, self._prefix, seconds, most)) as (caller,):
            self._connect("the first connection", [caller])
            self._begin([caller])
            called: Called = self._hear(caller, Called, seconds, longest=CONNECTING)
            result = self._result(calls, self._began + called.seconds)
        result.unit, result.count = "connections", called.connections
        result.latency = called.waits.in_milliseconds()
        result.load = {"who connects": called.used}
        result.extra = {"resumed": float(called.resumed)}
        if calls.resumed and called.resumed < called.connections:
            result.notes.append(f"{called.connections - called.resumed:,} of the handshakes were not resumed")
        result.notes += [f"{count:,} not let in: {why}" for why, count in called.refused.most_common(3)]
        return result

    def idle(self, idle: Idle) -> Result:
        """Connections that stand."""
        with hands((gather, self._target, idle.links, idle.keep_alive, self._prefix)) as (crowd,):
            hear_all([crowd], Ready, SLACK)
            empty = self._watch.memory()
            self._watch.forget_peak()
            crowd.tell(Go(time.monotonic()))
            self._connect(f"{idle.links:,} connections", [crowd])
            self._rest([crowd])
            held = self._watch.memory()
            self._begin([crowd], forget=False)
            self._rest([crowd], self._bounds.seconds)
            end = time.monotonic()
            result = self._result(idle, end)
            crowd.tell(Stop())
            pinged: Pinged = self._hear(crowd, Pinged, self._bounds.seconds)
        result.unit, result.count, result.is_paced = "pings", pinged.pings, True
        result.extra = {"links": float(idle.links), "cut": float(pinged.cut)}
        if held:
            result.extra["bytes_per_link"] = (held - empty) / idle.links
            result.notes.append(
                f"{(held - empty) / idle.links / 1e3:,.1f} KB of memory for each of {idle.links:,} links"
            )
        if result.broker_share is not None:
            result.notes.append(f"{result.broker_share * 1e3:,.1f} ms of a processor each second for all of them")
        if pinged.cut:
            result.notes.append(f"the broker ended {pinged.cut:,} of the connections")
        return result

    def storm(self, storm: Storm) -> Result:
        """A fleet that comes back, and pairs that should not notice."""
        flow, arrived = storm.flow, counter()
        with hands(
            (take, self._target, flow, self._prefix, arrived),
            self._giver(flow, arrived, 2 * CONNECTING + self._bounds.seconds),
            (gather, self._target, storm.links, 3_600, self._prefix),
        ) as (taker, giver, crowd):
            hear_all([crowd], Ready, SLACK)
            crowd.tell(Go(time.monotonic()))
            self._connect(f"{storm.links + 2 * flow.publishers:,} connections", [taker, giver, crowd])
            self._rest([])
            self._begin([taker, giver])
            taker.tell(Phase("before"))
            self._rest([taker], self._bounds.seconds)
            taker.tell(Phase("during"))
            crowd.tell(Phase(BACK))
            back: Returned = self._hear(crowd, Returned, CONNECTING, beside=[taker])
            taker.tell(Phase("after"))
            giver.tell(Stop())
            given: Given = self._hear(giver, Given, 0.0, beside=[taker])
            taker.tell(Expect(given.sent * flow.copies))
            taken: Taken = self._hear(taker, Taken, 0.0, longest=DRAINING)
            result = self._result(storm, taken.last)
        _fill_in(result, flow, given, taken)
        before, during = (taken.latencies.get(name, Latencies()).in_milliseconds() for name in ("before", "during"))
        result.latency = during
        result.load["who comes back"] = back.used
        result.extra = {"links": float(back.links), "back_after_seconds": back.seconds}
        result.extra |= {f"{name}_before_ms": value for name, value in before.items()}
        result.notes.append(f"{back.links:,} of {storm.links:,} devices were back after {back.seconds:.1f} s")
        if before and during:
            times = during["p99"] / before["p99"]
            result.notes.append(
                f"the pairs' p99 was {before['p99']:.2f} ms before and {during['p99']:.2f} ms during it: {times:.1f} x"
            )
        result.notes += [f"{count:,} attempts failed: {why}" for why, count in back.refused.most_common(3)]
        return result

    def durable(self, durable: Durable) -> Result:
        """Messages to the absent, who come back in the end."""
        flow, seconds = durable.flow, self._bounds.seconds
        with hands(
            (wait_away, self._target, flow, self._prefix),
            self._giver(flow, counter(), 10 * CONNECTING if durable.most else seconds, most=durable.most),
        ) as (absent, giver):
            self._connect(f"{flow.publishers:,} connections, {flow.subscribers:,} sessions", [absent, giver])
            self._begin([giver])
            longest = 10 * CONNECTING if durable.most else FINISHING
            given: Given = self._hear(giver, Given, seconds, longest=longest)
            result = self._result(durable, given.last)
            self._tell("the absent come back", 1.0)
            absent.tell(Expect(given.acknowledged * flow.copies))
            taken: Taken = self._hear(absent, Taken, seconds, longest=CONNECTING + COUNTING)
        _fill_in_durable(result, flow, given, taken)
        return result

    def scale(self, scale: Scale) -> Result:
        """The same flows beside more and more."""
        notes: list[str] = []
        done: dict[str, list[Result]] = {"new": [], "known": []}
        with hands((hold, self._target, scale, self._prefix)) as (holder,):
            self._connect(f"{scale.links:,} connections", [holder])
            tell, parts = self._tell, 2 * len(scale.steps)
            for step in scale.steps:
                holder.tell(Grow(step))
                (grown,) = hear_all([holder], Grown, CONNECTING)
                if grown.count < step:
                    notes.append(f"the broker kept {grown.count:,} of {step:,}: it has a limit")
                for name, flow in (("new", scale.new), ("known", scale.known)):
                    over = len(done["new"]) + len(done["known"])
                    self._tell = partial(_tell_part, tell, f"beside {step:,}", over, parts)
                    done[name].append(self.flow(flow))
            tell("taking it away", 1.0)
            holder.tell(Stop())
            hear_all([holder], Grown, CONNECTING)
        return _of_scale(scale, done, notes)

    # -- what they share -------------------------------------------------------------------------------------------

    def _giver(self, flow: Flow, arrived: Any, seconds: float, *, most: int = 0) -> tuple[Any, ...]:
        messages = min(most or self._bounds.messages, self._bounds.messages)
        return (give, self._target, flow, self._prefix, seconds, messages, arrived)

    def _connect(self, what: str, crew: list[Hand]) -> None:
        self._tell(f"connecting: {what}", 0.0)
        hear_all(crew, Ready, CONNECTING + SLACK, lambda words: None)

    def _begin(self, crew: list[Hand], *, forget: bool = True) -> None:
        if forget:
            self._watch.forget_peak()
        self._began = time.monotonic() + _START
        for hand in crew:
            hand.tell(Go(self._began))
        self._before = self._watch.moment()

    def _rest(self, beside: list[Hand], seconds: float = CALM) -> None:
        """Let time go by; what the load says meanwhile is progress."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._look(beside, min(left, _LOOK))
            self._tell("", 1 - left / seconds)

    def _hear(
        self,
        who: Hand,
        kind: type[Any],
        seconds: float,
        *,
        longest: float = FINISHING,
        beside: list[Hand] | None = None,
    ) -> Any:
        """Wait for the report of `who`, with an eye on the broker. Raises HomeError when it is far too late."""
        deadline = time.monotonic() + seconds + longest + SLACK
        while time.monotonic() < deadline:
            for words in self._reports:
                if isinstance(words, kind):
                    return words
            self._look([who, *(beside or [])], _LOOK)
            if seconds:
                self._tell("", min(1.0, (time.monotonic() - self._began) / seconds))
        raise HomeError("the load does not answer", why="the broker may be stuck", remedy="see its log")

    def _look(self, crew: list[Hand], seconds: float) -> None:
        """Look at the broker, and listen for so long. Whoever reports early is remembered."""
        self._watch.look()
        if not crew:
            time.sleep(seconds)
        else:
            self._reports += [words for _, words in hear_any(crew, seconds) if not isinstance(words, Progress)]

    def _result(self, workload: Workload, end: float) -> Result:
        """What the broker used until now."""
        result = Result(workload.name, workload.told, seconds=max(end - self._began, 1e-9))
        after = self._watch.moment()
        self._watch.look()
        if after is not None and self._before is not None:
            result.cpu = after.cpu - self._before.cpu
            result.waited = after.waited - self._before.waited
            if after.written is not None and self._before.written is not None:
                result.written = after.written - self._before.written
        elif self._watch.pid is not None:
            result.notes.append("the broker's process has ended")
        result.peak = self._watch.peak
        return result


def _fill_in(result: Result, flow: Flow, given: Given, taken: Taken) -> None:
    """What publishers and subscribers said."""
    together = Latencies()
    for each in taken.latencies.values():
        together.merge(each)
    result.count = taken.unique
    result.duplicated = taken.duplicated
    result.lost = max(0, given.sent * flow.copies - taken.unique)
    result.latency = together.in_milliseconds()
    result.load = {"who publishes": given.used, "who subscribes": taken.used}
    result.is_paced = bool(flow.pace)
    _note_ends(result, flow, given, taken)
    if given.late > 0.05:
        result.notes.append(f"the load itself was late by up to {given.late * 1e3:.0f} ms: the machine is busy")


def _fill_in_durable(result: Result, flow: Flow, given: Given, taken: Taken) -> None:
    """What was acknowledged, and what of it the absent found."""
    result.unit, result.count = "acknowledged", given.acknowledged
    result.latency = given.waits.in_milliseconds()
    result.lost = max(0, given.acknowledged * flow.copies - taken.unique)
    result.duplicated = taken.duplicated
    result.load = {"who publishes": given.used}
    if result.written is not None:
        result.extra["written_bytes_each"] = result.written / max(result.count, 1)
        result.notes.append(f"{result.written / max(result.count, 1):,.0f} bytes written to the disk for each")
    _note_ends(result, flow, given, taken)


def _note_ends(result: Result, flow: Flow, given: Given, taken: Taken) -> None:
    """What ended otherwise than it should."""
    if given.cut or taken.cut:
        result.notes.append(f"the broker ended {given.cut + taken.cut:,} of the connections")
    if flow.qos and given.acknowledged < given.sent:
        result.notes.append(f"{given.sent - given.acknowledged:,} messages were never acknowledged")


def _tell_part(tell: Tell, doing: str, over: int, parts: int, _: str, part: float) -> None:
    """Tell of a part of a workload, when so many of all parts are over."""
    tell(doing, (over + part) / parts)


def _of_scale(scale: Scale, done: dict[str, list[Result]], notes: list[str]) -> Result:
    """What a message cost at each step, by processor time where that is known, else by time."""
    # What stands in the row is the last one: known topic names beside all that there was to be.
    result = replace(done["known"][-1], workload=scale.name, told=scale.told, notes=notes, extra={})
    kind = "µs" if result.cpu is None else "CPU µs"
    for name, words in (("known", "known topic names"), ("new", "a new topic name each time")):
        costs = [one.cost if one.cost is not None else 1e6 / max(one.rate, 1e-9) for one in done[name]]
        steps = list(zip(scale.steps, costs, strict=True))
        growth = costs[-1] / costs[0] if costs[0] else 0.0
        result.extra |= {f"{name}_us_{step}": cost for step, cost in steps} | {f"{name}_growth": growth}
        beside = ", ".join(f"{cost:.2f} beside {step:,}" for step, cost in steps)
        notes.append(f"{kind} with {words}: {beside}: {growth:.2f} x")
    everything = [*done["known"], *done["new"]]
    result.lost, result.duplicated = sum(one.lost for one in everything), sum(one.duplicated for one in everything)
    result.peak = max(one.peak for one in everything)
    return result
