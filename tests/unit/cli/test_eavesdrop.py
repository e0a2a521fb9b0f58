"""`sealmq eavesdrop`: what may be asked, what is printed, and that a slow terminal holds nobody."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import pytest
from rich.console import Console

from ports import free_port
from sealmq.cli import run
from sealmq.cli.eavesdrop import Printer, _greet, _line_writer, _orders, _write_page, show_summary
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.events import Event
from sealmq.kit.eavesdrop.exposures import exposures_of_plaintext
from sealmq.kit.eavesdrop.framing import Kind
from sealmq.kit.eavesdrop.listening import Orders
from sealmq.kit.eavesdrop.relay import Address
from sealmq.kit.eavesdrop.sight import Sight
from sealmq.kit.eavesdrop.summary import Summary
from sealmq.kit.eavesdrop.tamper import How
from sealmq.kit.handshake.exposures import TITLES, exposure


def event(line: str = "x", name: str = "CONNECT") -> Event:
    return Event(connection=1, at=0.5, sender=Sender.CLIENT, name=name, line=line)


def orders(to: str = "broker:1883", listen: str = "1884", *, tamper: bool = False, replay: bool = False) -> Orders:
    return _orders(to, listen, tamper=tamper, replay=replay, count=None, seconds=None, secrets=False)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1884", "127.0.0.1:1884"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("[::1]:1884", "[::1]:1884"),
        ("0.0.0.0:7", "0.0.0.0:7"),
    ],
)
def test_a_port_alone_is_on_this_machine(typed: str, meant: str) -> None:
    assert str(orders(listen=typed).listen) == meant


def test_the_attack_is_one() -> None:
    assert [orders().how, orders(tamper=True).how, orders(replay=True).how] == [None, How.FLIP, How.REPLAY]


@pytest.mark.parametrize(
    "words",
    [
        ["--to", "broker:1883", "--listen", ":1884"],
        ["--to", "broker:1883", "--listen", "99999"],
        ["--to", "broker:1883", "--listen", "x y:1"],
        ["--to", "broker"],
        ["--to", ":1883"],
        ["--to", "broker:0"],
        ["--to", "broker:1883", "--tamper", "--replay"],
        ["--to", "broker:1883", "--html", "/no/such/folder/page.html"],
        ["--to", "broker:1883", "--count", "0"],
        [],
    ],
)
def test_what_cannot_be_done_is_refused_as_asked_wrongly(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["eavesdrop", *words]) == 2
    assert capfd.readouterr().err.startswith("sealmq: ")


def test_nobody_came_is_a_good_end(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    words = ["--to", f"127.0.0.1:{free_port()}", "--listen", "127.0.0.1:0", "--seconds", "0.1", "--html", str(page)]
    assert run(["eavesdrop", *words]) == 0
    told = capfd.readouterr()
    assert "Point your own device to 127.0.0.1:" in told.out
    assert told.out.endswith("nobody came\n")
    assert told.err == ""
    assert "nobody came" in page.read_text()


def test_json_is_json_from_the_first_line_to_the_last(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["--to", f"127.0.0.1:{free_port()}", "--listen", "127.0.0.1:0", "--seconds", "0.1", "--json"]
    assert run(["eavesdrop", *words]) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["listening", "summary"]


def greeting(found: Address, to: Address, *, as_json: bool = False) -> str:
    out = io.StringIO()
    _greet(Orders(to, found), [found], Console(file=out, width=200), as_json)
    return out.getvalue()


def test_the_greeting_says_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    plain = greeting(Address("127.0.0.1", 1884), Address("broker", 1883))
    assert "mosquitto_pub -h 127.0.0.1 -p 1884 -q 1 -t test -m ON" in plain
    assert "--cafile" not in plain
    sealed = greeting(Address("127.0.0.1", 1884), Address("127.0.0.1", 8883))
    assert "mosquitto_pub -h localhost -p 1884 --cafile root.pem" in sealed
    assert sealed.count("mosquitto_pub -h") == 1
    assert capsys.readouterr().err == ""


def test_an_open_address_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert "-h THIS_MACHINE" in greeting(Address("0.0.0.0", 1884), Address("broker", 1883))
    assert "Only your own devices" in capsys.readouterr().err


# -- printing ----------------------------------------------------------------------------------------------------------


def test_a_terminal_that_does_not_read_holds_nobody_and_what_was_left_out_is_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    may_write, written = threading.Event(), []

    def write(one: Event) -> None:
        may_write.wait(20)
        written.append(one)

    printer = Printer(write, lambda: None, most=5)
    for _ in range(100):
        printer.tell(event())
    may_write.set()
    printer.close()
    left_out = int(capsys.readouterr().err.split()[1])
    assert 5 <= len(written) <= 6
    assert len(written) + left_out == 100


@pytest.mark.parametrize("error", [BrokenPipeError(), SystemExit(1)], ids=["as it is", "as rich says it"])
def test_a_pipe_that_is_closed_ends_it(error: BaseException) -> None:
    broken = threading.Event()

    def write(one: Event) -> None:
        raise error

    printer = Printer(write, broken.set)
    for _ in range(3):
        printer.tell(event())
    assert broken.wait(20)
    with pytest.raises(BrokenPipeError):
        printer.close()


def printed(one: Event, **options: object) -> str:
    out = io.TextIOWrapper(io.BytesIO(), encoding=str(options.pop("encoding", "utf-8")), errors="backslashreplace")
    _line_writer(Console(file=out, width=120, **options))(one)  # type: ignore[arg-type]
    out.flush()
    return out.buffer.getvalue().decode()  # type: ignore[attr-defined]


def test_a_line_is_one_line_and_no_markup() -> None:
    hostile = "[red]x[/red] " + "y" * 300
    line = printed(event(hostile))
    assert line == f"#1       0.500  device → broker  CONNECT      {hostile}\n"


def test_a_terminal_without_arrows_gets_none() -> None:
    line = printed(event("topic 'größer'"), encoding="ascii")
    assert "device > broker" in line
    assert "gr\\xf6" in line


def summary() -> Summary:
    made = Summary()
    sight = Sight(1, Kind.PLAINTEXT, client_id="'[red]plug'", over=1.0)
    sight.exposures = exposures_of_plaintext(sight)
    made.add(sight)
    made.add(Sight(2, Kind.TLS, over=1.0, exposures=(exposure("SNF-01", False, "nothing"),)))
    return made


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_table_has_a_row_for_each_thing_and_fits(width: int) -> None:
    out = io.StringIO()
    show_summary(summary(), Console(file=out, width=width))
    text = out.getvalue()
    assert max(map(len, text.splitlines()[:-1])) <= width
    assert "'[red]plug'" in text.replace("\n", "")
    assert text.count("open") >= 8
    assert (text.count("hidden"), text.count("noticed")) == (10, 2)
    assert width < 200 or all(title in text for title in TITLES.values())


def test_a_page_with_passwords_is_for_its_owner_alone(tmp_path: Path) -> None:
    new, old = tmp_path / "new.html", tmp_path / "old.html"
    old.write_text("of before, and longer than what comes")
    old.chmod(0o644)
    _write_page(old, "page", private=False)
    assert old.stat().st_mode & 0o777 == 0o644, "the others are as their owner made them"
    for path in (new, old):
        _write_page(path, "page", private=True)
        assert path.read_text() == "page"
        assert path.stat().st_mode & 0o777 == 0o600


def test_whatever_goes_wrong_while_it_is_written_nobody_waits_for_ever() -> None:
    def write(one: Event) -> None:
        raise ValueError("a bug")

    broken = threading.Event()
    printer = Printer(write, broken.set, most=1)
    printer.tell(event())
    assert broken.wait(20)
    with pytest.raises(ValueError, match="a bug"):
        printer.close()
