"""JSON: every Report keeps to the schema, and the schema says every field that there is."""

from __future__ import annotations

import dataclasses
import json

import jsonschema
import pytest

import reports
from sealmq.kit.handshake import report as shapes
from sealmq.kit.handshake.draw.as_json import as_json, schema
from sealmq.kit.handshake.report import Kind, Report

JUDGE = jsonschema.Draft202012Validator(schema())


def read(report: Report) -> dict[str, object]:
    """Written and read again, as another program would."""
    return json.loads(json.dumps(as_json(report), allow_nan=False).encode().decode())  # type: ignore[no-any-return]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema() == schema()
    assert schema()["$id"].startswith("urn:")


@pytest.mark.parametrize("name", reports.samples())
def test_every_report_keeps_to_the_schema(name: str) -> None:
    JUDGE.validate(read(reports.samples()[name]))


def test_the_schema_knows_every_dataclass_with_all_its_fields() -> None:
    definitions = schema()["$defs"]
    kinds = [each for each in vars(shapes).values() if dataclasses.is_dataclass(each) and isinstance(each, type)]
    assert len(kinds) > 20
    for kind in kinds:
        said = definitions[kind.__name__]
        names = {field.name for field in dataclasses.fields(kind)} | (
            {"exit_code"} if kind.__name__ == "Outcome" else set()
        )
        assert said["properties"].keys() == names == set(said["required"])
        assert said["additionalProperties"] is False
        assert said["description"] or any("description" in each for each in said["properties"].values())


def test_the_sentences_beside_the_fields_are_taken_over() -> None:
    definitions = schema()["$defs"]
    assert definitions["MessageRow"]["properties"]["gap"]["description"] == "seconds since the message before."
    assert definitions["MessageRow"]["properties"]["paragraph"]["description"].startswith("the same for whoever")
    assert definitions["Meta"]["properties"]["library"]["description"].startswith("the client's TLS library")
    assert definitions["Kind"]["enum"] == [kind.value for kind in Kind]


@pytest.mark.parametrize(
    ("path", "value"),
    [(("outcome", "kind"), "fine"), (("target", "port"), "8883"), (("schema_version",), None), (("more",), 1)],
)
def test_what_is_no_report_is_found(path: tuple[str, ...], value: object) -> None:
    made = read(reports.good())
    place: dict[str, object] = made
    for name in path[:-1]:
        place = place[name]  # type: ignore[assignment]
    place[path[-1]] = value
    assert not JUDGE.is_valid(made)


def test_bytes_lie_where_the_fields_say() -> None:
    hello = read(reports.good())["messages"][0]  # type: ignore[index]
    suites = next(field for field in hello["fields"] if field["name"] == "cipher_suites")
    first = suites["inside"][0]
    raw = bytes.fromhex(hello["raw"])
    assert raw[first["offset"] : first["offset"] + first["length"]] == b"\x13\x02"


@pytest.mark.parametrize("kind", Kind)
def test_the_exit_code_is_said(kind: Kind) -> None:
    made = reports.unreachable()
    made = dataclasses.replace(made, outcome=dataclasses.replace(made.outcome, kind=kind))
    assert read(made)["outcome"]["exit_code"] == kind.exit_code  # type: ignore[index]


def test_the_same_report_gives_the_same_text() -> None:
    assert json.dumps(as_json(reports.good())) == json.dumps(as_json(reports.good()))
