from __future__ import annotations

import json

from middleware_comparisons import full
from sealmq.kit.middleware.draw.as_json import as_json
from sealmq.kit.middleware.recommend import recommend


def test_all_of_it_is_json() -> None:
    made = json.loads(json.dumps(as_json(full(), recommend(full()))))
    assert made["schema_version"] == 1
    openssl, *_, wolfssl = made["middlewares"]
    assert openssl["abilities"]["versions"] == ["TLSv1.2", "TLSv1.3"]
    assert openssl["handshakes"][0]["client_cpu"]["median"] == 0.9e-3
    assert openssl["handshakes"][0]["client_cpu"]["count"] == 100
    assert openssl["throughput"][0]["messages_per_second"] > 300_000
    assert openssl["bytes_per_idle_connection"] == {"client": 30_720, "server": 20_480}
    assert wolfssl["notes"]
    assert [each["use"] for each in made["recommendations"]] == [
        "a Linux gateway", "a microcontroller with 256 KB RAM", "a closed-source product", "post-quantum",
    ]  # fmt: skip
    assert made["not_measured"][0]["name"] == "cyclonessl"
    assert made["cortex_m4"][0]["flash"] == 110_000
