"""The comparison as what `json.dumps` takes: seconds, bytes, and the words of the recommendations."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

from sealmq.kit.middleware.comparing import Comparison, Measured
from sealmq.kit.middleware.recommend import Recommendation

SCHEMA_VERSION: Final = 1


def as_json(comparison: Comparison, recommendations: Sequence[Recommendation]) -> dict[str, Any]:
    """All of it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "seconds": comparison.seconds,
        "middlewares": [_measured(each) for each in comparison.measured],
        "absent": [dataclasses.asdict(each) for each in comparison.absent],
        "not_measured": [dataclasses.asdict(each) for each in comparison.known],
        "cortex_m4": [dataclasses.asdict(each) for each in comparison.footprints],
        "recommendations": [dataclasses.asdict(each) for each in recommendations],
    }


def _measured(each: Measured) -> dict[str, Any]:
    abilities = {
        field.name: _plain(getattr(each.abilities, field.name)) for field in dataclasses.fields(each.abilities)
    }  # fmt: skip
    return {
        "name": each.name,
        "abilities": abilities,
        "handshakes": [dataclasses.asdict(one) for one in each.handshakes],
        "throughput": [
            {**dataclasses.asdict(one), "messages_per_second": one.messages, "bytes_per_second": one.rate}
            for one in each.throughput
        ],
        "bytes_per_idle_connection": dataclasses.asdict(each.memory),
        "notes": list(each.notes),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value
