"""The table: names, groups, parts, and which topic is whose."""

from __future__ import annotations

import pytest

from sealmq.broker.router import REMEMBERED_ROUTES
from sealmq.errors import ConfigError
from sealmq.kit.bench.stamps import SMALLEST_PAYLOAD
from sealmq.kit.bench.workloads import GROUPS, USUAL, WORKLOADS, Calls, Durable, Flow, Idle, Scale, Storm, find

FLOWS = [each for each in WORKLOADS if isinstance(each, Flow)]


def test_names_are_names_of_one() -> None:
    names = [each.name for each in WORKLOADS]
    assert len(names) == len(set(names))
    assert not set(names) & set(GROUPS)


def test_nothing_said_is_the_usual_set() -> None:
    assert [each.name for each in find([])] == list(USUAL)


def test_a_group_stands_for_its_workloads_and_nobody_comes_twice() -> None:
    found = find(["pairs", "handshakes", "pairs", "handshakes-1.2"])
    assert [each.name for each in found] == ["pairs", *GROUPS["handshakes"]]
    assert [each.name for each in find(["all"])] == [each.name for each in WORKLOADS]
    assert all(isinstance(each, Calls) for each in found[1:])


def test_an_unknown_name_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError) as caught:
        find(["pears"])
    assert "pairs" in caught.value.remedy


@pytest.mark.parametrize("scale", [0.001, 0.1, 1.0])
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_each_lane_is_one_publishers_and_somebody_wants_it(flow: Flow, scale: float) -> None:
    flow = flow.scaled(scale)
    lanes = [lane for publisher in range(flow.publishers) for lane in flow.lanes_of(publisher)]
    assert sorted(lanes) == list(range(flow.lanes))
    assert flow.payload >= SMALLEST_PAYLOAD
    if flow.own:
        assert flow.subscribers == flow.lanes
    assert (flow.window > 0) == (flow.qos > 0)


def test_a_part_has_a_part_of_the_connections() -> None:
    fan_in, idle, storm = find(["fan-in", "idle", "storm"], scale=0.1)
    assert isinstance(fan_in, Flow)
    assert isinstance(idle, Idle)
    assert isinstance(storm, Storm)
    assert (fan_in.publishers, fan_in.subscribers, fan_in.lanes) == (20, 1, 20)
    assert (idle.links, storm.links, storm.flow.publishers) == (500, 200, 2)
    assert find(["handshakes-1.3"], scale=0.1) == find(["handshakes-1.3"])


def test_a_part_of_a_scale_has_a_part_of_what_grows() -> None:
    durable, all_, scale = find(["durable", "durable-all", "scale-exact"], scale=0.01)
    assert isinstance(durable, Durable)
    assert isinstance(all_, Durable)
    assert isinstance(scale, Scale)
    assert (durable.flow.subscribers, durable.most, all_.flow.copies, all_.most) == (1, 0, 1, 20)
    assert (scale.steps, scale.links, scale.new.names) == ((1, 1_000), 1, 100)
    assert find(["scale-exact"], scale=1e-6)[0].steps == (1,)  # type: ignore[union-attr]


@pytest.mark.parametrize("scale", [each for each in WORKLOADS if isinstance(each, Scale)], ids=lambda each: each.name)
def test_new_names_are_more_than_a_router_remembers(scale: Scale) -> None:
    assert scale.new.names * scale.new.lanes > REMEMBERED_ROUTES
    assert len(scale.new.lanes_of(0)) == 1  # a publisher's names are one lane
    assert scale.known.names == 0
