"""The reference device, compiled for a Cortex-M4 and run in QEMU, at a running broker."""

from __future__ import annotations

import json
import re
from pathlib import Path

import footprint
import pytest

from console_blocks import find_output, is_alike
from emulated import PATIENCE, Build, build_device, operating
from interop_homes import make_home
from ports import free_port
from running import Broker, Program, run, sealmq, wait_until
from sealmq.bundle import CHAIN_FILE, KEY_FILE, ROOT_FILE

pytestmark = [pytest.mark.interop, pytest.mark.timeout(400)]

GUIDE = footprint.GUIDE
FIGURES = json.loads(footprint.FIGURES.read_text(encoding="utf-8"))


def wait(device: Program, pattern: str, **options: int) -> str:
    """A line of the device's serial line."""
    return device.output.wait(pattern, seconds=PATIENCE, **options)


def hold_the_page(part: str, broker: Broker, device: Program, name: str) -> None:
    """What the how-to shows of the serial line is what was printed, but for what differs from run to run."""
    block = re.search(rf"<!-- serial line: {part} -->\n```text\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert block, part
    lines = [line.replace(f":{broker.port} ", ":8883 ").replace(name, "lamp-1") for line in device.output.lines]
    # Telemetry is sent every other second, between any two lines of what is going on.
    shown, printed = ([each for each in some if "telemetry" not in each] for some in (block[1].splitlines(), lines))
    begins = next((at for at, line in enumerate(printed) if is_alike(shown[0], line)), 0)
    assert find_output(shown, printed[begins:], whole=False) is not None, "\n".join(lines)


def certificates(broker: Broker, device: str) -> dict[str, str]:
    """The serials that the registry has for a device, with the state of each."""
    done = sealmq("device", "show", device, "--json", "--home", broker.home)
    return {each["serial"]: each["state"] for each in json.loads(done.stdout)["certificates"]}


def set_max_record(broker: Broker, size: int) -> None:
    """A running broker sends smaller records from now on."""
    settings = broker.home / "sealmq.toml"
    settings.write_text(f"[tls]\nmax_record = {size}\n" + settings.read_text())
    assert sealmq("reload", "--home", broker.home).returncode == 0


@pytest.mark.parametrize("offer", ["", "1.2"], ids=["1.3", "1.2"])
def test_it_measures_obeys_and_renews(
    broker: Broker, offer: str, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    name, mark = f"lamp{offer or '1.3'}", broker.mark
    device = build_device(broker, name, tmp_path, Build("both", offer))
    (first,) = certificates(broker, name)
    with operating(broker, name) as operator, device.at_work() as emulator:
        operator.hear("telemetry", sequence=2, led=False)
        broker.log.wait(rf"{name} connected .*, TLSv{offer or '1.3'}, .*AES_?128.GCM", after=mark, seconds=PATIENCE)
        operator.tell("led on")
        assert operator.hear("answer", command="led on") == {"command": "led on", "result": "done"}
        assert operator.hear("telemetry", led=True)["heap_peak"] < 28 * 1024
        operator.tell("interval 0")
        operator.tell('{"quit": "\0\U0001f4a1"}' * 120)
        assert operator.hear("answer", command="unknown")["result"].startswith("known are")
        operator.tell("renew")
        serial = wait(emulator, "renewal: certificate ([0-9a-f]+) has come").split()[2]
        wait(emulator, f"certificate: of slot 0, serial {serial}")
        broker.log.wait(f"{name} is renewed: serial {serial}", after=mark, seconds=PATIENCE)
        renewed = {serial: "valid", first: "superseded"}
        wait_until(lambda: certificates(broker, name) == renewed, PATIENCE, pause=0.3)
        operator.tell("quit")
        wait(emulator, "^END$")
        assert emulator.ended() == 0
        if not offer:
            hold_the_page("life", broker, emulator, name)
    for secret in (device.folder / "slot-0.bin", device.firmware, device.firmware.parent / "src" / "tls.o"):
        assert secret.stat().st_mode & 0o077 == 0, secret
    record_property("said", f"reference device, TLS {offer or '1.3'}: measured, obeyed, renewed itself ({serial})")


def test_it_starts_again_with_what_it_had_renewed(broker: Broker, tmp_path: Path) -> None:
    """A slot that was cut off in the middle of its writing is left alone."""
    device = build_device(broker, "lamp-again", tmp_path, Build("both"))
    with operating(broker, "lamp-again") as operator, device.at_work() as emulator:
        for slot in (0, 1, 0):
            operator.hear("telemetry")
            at = len(emulator.output.lines)
            operator.tell("renew")
            wait(emulator, f"certificate: of slot {slot}", after=at)
            wait(emulator, "telemetry .* acknowledged", after=len(emulator.output.lines))
        at = len(emulator.output.lines)
        operator.tell("reboot")
        wait(emulator, "REBOOT", after=at)
        wait(emulator, "certificate: of slot 0", after=at + 1)
        wait(emulator, "telemetry 1 acknowledged", after=at + 1)
    newest = device.folder / "slot-0.bin"
    newest.write_bytes(newest.read_bytes()[:-1])
    with device.at_work() as emulator:
        wait(emulator, "certificate: of slot 1")
        wait(emulator, "the broker refused us: CONNACK 5")  # it was replaced by the one that is lost now
        wait(emulator, "certificate: built in")


def test_a_new_certificate_that_opens_nothing_gives_way_to_the_old_one(broker: Broker, tmp_path: Path) -> None:
    device = build_device(broker, "lamp-old", tmp_path, Build("both"))
    elsewhere = make_home(tmp_path / "elsewhere") / "devices" / "sensor-1"
    chain = (elsewhere / CHAIN_FILE).read_bytes()
    device.store(1, 7, (elsewhere / KEY_FILE).read_bytes(), chain, (elsewhere / ROOT_FILE).read_bytes())
    with device.at_work() as emulator:
        wait(emulator, "certificate: of slot 1")
        wait(emulator, "unknown authority")
        wait(emulator, "credentials: those of the slot are not taken here, trying the next")
        wait(emulator, "certificate: built in")
        wait(emulator, "telemetry 1 acknowledged")


@pytest.mark.parametrize("offer", ["", "1.2"], ids=["1.3", "1.2"])
def test_it_lives_with_buffers_of_1_kib(own_broker: Broker, offer: str, tmp_path: Path) -> None:
    """TLS 1.2 asks for small records by itself. In 1.3 the broker has to be told; the device says what it lacks."""
    device = build_device(own_broker, "small", tmp_path, Build("both-small", offer))
    with operating(own_broker, "small") as operator, device.at_work() as emulator:
        operator.hear("telemetry")
        taking_over = ("--as", "small", "--id", "small", "-t", "devices/small/other", "-m", "1")
        run(own_broker.sealmq("pub", *taking_over))
        said = wait(emulator, "connected: ", count=2)
        assert said.endswith(", resumed"), said
        if not offer:
            hold_the_page("resumed", own_broker, emulator, "small")
        wait(emulator, "subscribed: .*/rejected", count=2)
        at = len(emulator.output.lines)
        operator.tell("renew")
        if not offer:
            wait(emulator, "a record is longer than our buffer of 1024 bytes. Next: max_record = 1024 below")
            set_max_record(own_broker, 1024)
            wait(emulator, "-0x7100")
            hold_the_page("record", own_broker, emulator, "small")
        wait(emulator, "certificate: of slot 0")
        at += next(index for index, line in enumerate(emulator.output.lines[at:]) if "of slot 0" in line)
        said = wait(emulator, "connected: ", after=at)
        assert not said.endswith("resumed"), "a session of the old certificate"
        wait(emulator, "telemetry .* acknowledged", after=len(emulator.output.lines))
        operator.tell("quit")
        said = wait(emulator, "peaks: heap")
        assert emulator.ended() == 0
    heap, configured, stack = map(int, re.findall(r"\d+", said)[:3])
    assert heap < 18_000 < configured
    assert stack < 4_000


def test_it_refuses_a_broker_without_the_name_that_it_dials(broker: Broker, tmp_path: Path) -> None:
    device = build_device(broker, "lamp-name", tmp_path, Build("both"), host="broker.example.com")
    with device.at_work() as emulator:
        wait(emulator, "refused: the broker's certificate does not carry the name broker.example.com")
        wait(emulator, "failed: the handshake, -0x2700. Next: sealmq explain -0x2700", count=2)
        assert not [line for line in emulator.output.lines if line.startswith("connected")]
        hold_the_page("wrong name", broker, emulator, "lamp-name")


def test_it_refuses_a_broker_of_another_authority(broker: Broker, tmp_path: Path) -> None:
    elsewhere = make_home(tmp_path / "elsewhere")
    device = build_device(broker, "lamp-ca", tmp_path, Build("both", "1.2"), home=elsewhere)
    with device.at_work() as emulator:
        wait(emulator, "refused: the broker's certificate: unknown authority")
        wait(emulator, "failed: the handshake, -0x2700. Next: sealmq explain -0x2700", count=2)
        assert not [line for line in emulator.output.lines if line.startswith("connected")]
        hold_the_page("other authority", broker, emulator, "lamp-ca")


def test_it_comes_back_when_the_broker_does(tmp_path: Path) -> None:
    home, listen = make_home(tmp_path / "home"), ("--listen", f"127.0.0.1:{free_port()}")
    first = Broker(home, *listen)
    try:
        device = build_device(first, "lamp-back", tmp_path, Build("both"))
        with device.at_work() as emulator:
            wait(emulator, "telemetry 1 acknowledged")
            assert first.end() == 0
            wait(emulator, "the connection has ended")
            wait(emulator, "nobody answers at the broker's address and port")
            again = Broker(home, *listen)
            try:
                wait(emulator, "connected: ", count=2)
                wait(emulator, "telemetry .* acknowledged", after=len(emulator.output.lines))
            finally:
                again.kill()
    finally:
        first.kill()


@pytest.mark.parametrize("offer", ["", "1.2"], ids=["1.3", "1.2"])
def test_it_says_which_alert_the_broker_sent(broker: Broker, offer: str, tmp_path: Path) -> None:
    """A certificate of somebody else's CA. In TLS 1.3 the alert comes when the device believes itself connected."""
    name = f"lamp-alert{offer}"
    device = build_device(broker, name, tmp_path, Build("both", offer))
    elsewhere = make_home(tmp_path / "elsewhere") / "devices" / "sensor-1"
    chain, key = (elsewhere / CHAIN_FILE).read_bytes(), (elsewhere / KEY_FILE).read_bytes()
    device.store(0, 1, key, chain, (broker.home / "devices" / name / ROOT_FILE).read_bytes())
    with device.at_work() as emulator:
        wait(emulator, "the broker refused us: TLS alert 48. Next: sealmq explain alert 48")
        wait(emulator, "-0x7780. Next: sealmq explain -0x7780")
        wait(emulator, "telemetry 1 acknowledged")
        if not offer:
            hold_the_page("alert", broker, emulator, name)


def test_it_is_told_that_it_was_revoked(broker: Broker, tmp_path: Path) -> None:
    device = build_device(broker, "lamp-gone", tmp_path, Build("both"))
    assert sealmq("device", "revoke", "lamp-gone", "--home", broker.home).returncode == 0
    with device.at_work() as emulator:
        wait(emulator, "the broker refused us: TLS alert 44|CONNACK 5")


@pytest.mark.parametrize("variant", ["both", "both-small"])
def test_the_footprint_page_is_true(broker: Broker, variant: str, tmp_path: Path) -> None:
    name = f"lamp-{variant}"
    built = footprint.sizes(build_device(broker, name, tmp_path, Build(variant)).firmware.with_suffix(".map"))
    written = FIGURES[variant]
    for key in ("flash", "mbedtls_flash", "lwip_flash", "ram_static"):
        assert abs(built[key] - written[key]) <= 0.02 * written[key], f"{key}: make footprint"
    page, guide = (path.read_text(encoding="utf-8") for path in (footprint.PAGE, GUIDE))
    assert all(f"{each['flash']:,}" in page for each in FIGURES.values())
    assert footprint.guide(guide, FIGURES) == guide
