"""`sealmq explain` as it is typed: numbers with a sign, lines of a log, stdin, tables."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from sealmq import cli
from sealmq.cli.explain import explain

Shown = pytest.CaptureFixture[str]


@pytest.mark.parametrize("words", [["-0x2700"], ["--", "-0x2700"], ["0x2700"], ["-9984"], ["OSError:", "-9984"]])
def test_a_negative_number_is_no_option(words: list[str], capsys: Shown) -> None:
    assert cli.run(["explain", *words]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("MBEDTLS_ERR_X509_CERT_VERIFY_FAILED (-0x2700, -9984), Mbed TLS\n")
    assert "  said by   the side that printed it" in shown
    assert "  causes    1. the device has no root certificate" in shown
    assert "  line      " in shown
    assert "  mosquitto " in shown


def test_all_of_a_line_is_one_text(capsys: Shown) -> None:
    line = "error:14094418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:rec_layer_s3.c:1543:SSL alert number 48"
    assert cli.run(["explain", *line.split()]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("unknown_ca (48), TLS alerts")
    assert "Other readings" not in shown


def test_a_number_of_many_has_other_readings_and_can_be_narrowed(capsys: Shown) -> None:
    assert cli.run(["explain", "-1"]) == 0
    shown = capsys.readouterr().out
    assert "Other readings:\n" in shown
    assert "explain --from LIBRARY" in shown
    assert cli.run(["explain", "--from", "lwip", "-1"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("ERR_MEM (-1), lwIP\n")
    assert "Other readings" not in shown


def test_json(capsys: Shown) -> None:
    assert cli.run(["explain", "--json", "-0x262E"]) == 0
    (reading,) = json.loads(capsys.readouterr().out)["readings"]
    assert [code["number"] for code in reading["codes"]] == [-0x2600, -0x2E]
    assert reading["said_by"] == "here"
    assert reading["causes"]
    assert set(reading["remedy"]) == {"device", "sealmq", "mosquitto"}


def test_stdin(monkeypatch: pytest.MonkeyPatch, capsys: Shown) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"E (1) esp-tls-mbedtls: returned -0x7780\n\xff")))
    assert cli.run(["explain", "-"]) == 0
    assert capsys.readouterr().out.startswith("MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE")


def test_what_is_not_known_is_a_failure_that_says_what_to_try(capsys: Shown) -> None:
    assert cli.run(["explain", "nothing", "of", "this"]) == 1
    said = capsys.readouterr().err
    assert "sealmq: nothing in 'nothing of this' is known\n" in said
    assert "explain --list LIBRARY" in said
    assert cli.run(["explain", "--from", "go", "-0x2700"]) == 1
    assert "among the codes of go" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--from", "nobody", "-1"], ["--list", "nobody"]])
def test_asked_wrongly(words: list[str], capsys: Shown) -> None:
    assert cli.run(["explain", *words]) == 2
    assert "next:" in capsys.readouterr().err


def test_the_tables(capsys: Shown) -> None:
    assert cli.run(["explain", "--list"]) == 0
    assert "mbedtls " in capsys.readouterr().out
    assert cli.run(["explain", "--list", "lwip"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "ERR_MEM (-1), lwIP: " in lines[1]
    assert len(lines) == 25
    assert cli.run(["explain", "--list", "--json", "bearssl"]) == 0
    assert {code["library"] for code in json.loads(capsys.readouterr().out)} == {"bearssl", "tls"}


def test_what_is_printed_is_plain_where_nobody_looks() -> None:
    arguments = [sys.executable, "-m", "sealmq", "explain", "-0x7500"]
    done = subprocess.run(arguments, capture_output=True, check=True, timeout=30)
    assert b"\x1b" not in done.stdout
    assert done.stdout.count(b"Mbed TLS 2") == 1


def test_markup_in_what_was_pasted_is_text(capsys: Shown) -> None:
    assert cli.run(["explain", "[bold]-0x2700[/bold]"]) == 0
    assert cli.run(["explain", "[/nonsense]"]) == 1
    assert "'[/nonsense]'" in capsys.readouterr().err


def test_control_characters_do_not_reach_the_terminal(capsys: Shown) -> None:
    assert cli.run(["explain", "\x1b[2J nothing"]) == 1
    assert "\x1b" not in capsys.readouterr().err


def test_the_command_has_a_help_text() -> None:
    assert explain.__doc__ is not None
    assert "Exit code 1" in explain.__doc__
