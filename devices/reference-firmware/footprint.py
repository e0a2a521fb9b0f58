"""What the reference firmware takes: flash and static RAM from the linker's map, peaks of heap and stack from a run.

footprint.py                measures all variants, writes docs/reference/firmware-footprint.md and .json
footprint.py --only-build   builds all variants into build/
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tempfile
import textwrap
from collections import Counter
from pathlib import Path

from reference_device import HERE, VARIANTS, Build, Stage, compile_firmware, need, perform, sealmq, stage

PROJECT = HERE.parent.parent
PAGE = PROJECT / "docs" / "reference" / "firmware-footprint.md"
GUIDE = PROJECT / "docs" / "howto" / "secure-a-microcontroller.md"
FIGURES = PAGE.with_suffix(".json")

RAM = 0x2000_0000
PARTS = {
    "mbedtls": "Mbed TLS",
    "lwip": "lwIP, its MQTT client and TLS layer",
    "libc": "newlib-nano, libgcc",
    "own": "the device's own",
}

_INTRODUCTION = """\
Bytes, for a Cortex-M4 with `-Os`. {libraries}; {compiler}. Flash and static RAM are from the linker's map. Heap and
stack are the deepest of a run in QEMU: two connections with mutual TLS, telemetry, a command, and a renewal with a new
key. The heap is lwIP's, which Mbed TLS uses too; there is no other. Columns are the TLS versions that are compiled in;
`small` is with TLS buffers of 1 KiB in place of 4 KiB (in) and 2 KiB (out)."""

_LONG_NAME = re.compile(r"^ (\.\S+)$")
_ENTRY = re.compile(r"^ (\.\S+)? +0x([0-9a-f]+) +0x([0-9a-f]+) (\S.*)$")
_HEAP = "ram_heap"
"""lwIP's name for its heap, which is all the heap that there is."""


def part_of(file: str) -> str:
    """The part of the firmware that an object file belongs to."""
    if ".a(" in file:
        return "libc"
    folder = re.search(r"/lib/[^/]+/(mbedtls|lwip)/", file)
    return folder[1] if folder else "own"


def sizes(map_file: Path) -> dict[str, int]:
    """Bytes of flash and static RAM: in all and for each part, and lwIP's heap, which is counted by itself."""
    found: Counter[str] = Counter()
    in_memory, name = False, ""
    for line in map_file.read_text(encoding="utf-8").splitlines():
        in_memory = in_memory or line.startswith("Linker script and memory map")
        if long_name := _LONG_NAME.match(line):
            name = long_name[1]
            continue
        entry = _ENTRY.match(line)
        if not in_memory or entry is None:
            continue
        section, name = entry[1] or name, ""
        address, size, part = int(entry[2], 16), int(entry[3], 16), part_of(entry[4])
        if not section.startswith((".vectors", ".text", ".rodata", ".data", ".bss", ".ARM.ex", "COMMON")):
            continue
        if address < RAM or section.startswith(".data"):  # variables with a value are in flash too
            found["flash"] += size
            found[f"{part}_flash"] += size
        if address >= RAM:
            found["ram_static"] += size
            found["heap" if _HEAP in section else f"{part}_ram"] += size
    return dict(found)


def peaks(serial: list[str]) -> dict[str, int]:
    """What the device itself said of its run."""
    said = next(re.search(r"heap (\d+) of (\d+), stack (\d+)", line) for line in serial if line.startswith("peaks: "))
    assert said
    return {"heap_peak": int(said[1]), "stack_peak": int(said[3])}


def measure(on: Stage, variant: str) -> dict[str, int]:
    """Build a variant, and let it live once: telemetry, a command, a renewal."""
    name = f"lamp-{variant.replace('.', '-')}"
    firmware = on.firmware(name, Build(variant))
    return sizes(firmware.with_suffix(".map")) | peaks(perform(on, name, firmware, lambda _line: None))


def build_all(on: Stage, cache: Path) -> None:
    """Each variant, for one device, into a folder of its own below `cache`."""
    bundle = on.folder / "bundle"
    sealmq("device", "add", "lamp-1", "--home", on.home, "--target", "lwip", "--out", bundle)
    for variant in VARIANTS:
        elf = compile_firmware(bundle, cache / variant, Build(variant), sources=on.sources, cache=cache)
        print(f"TLS {variant}: {elf}")


def page(figures: dict[str, dict[str, int]], compiler: str, libraries: str) -> str:
    """The page, in Markdown."""
    lines = [
        "# What the reference firmware takes",
        "",
        "<!-- Written by `make footprint`. The same figures for programs: firmware-footprint.json -->",
        "",
        textwrap.fill(_INTRODUCTION.format(libraries=libraries, compiler=compiler), 120, break_on_hyphens=False),
        "",
        "| | " + " | ".join(figures) + " |",
        "| --- |" + " ---: |" * len(figures),
    ]  # fmt: skip

    def row(title: str, *keys: str) -> str:
        return f"| {title} | " + " | ".join(f"{sum(each[key] for key in keys):,}" for each in figures.values()) + " |"

    lines += [row("**flash**", "flash")]
    lines += [row(title, f"{part}_flash") for part, title in PARTS.items()]
    lines += [row("**static RAM, without the heap**", *(f"{part}_ram" for part in PARTS))]
    lines += [row(title, f"{part}_ram") for part, title in PARTS.items()]
    lines += [
        row("heap as configured", "heap"),
        row("heap, peak", "heap_peak"),
        row("stack, peak", "stack_peak"),
        row("**RAM in use, at the most**", *(f"{part}_ram" for part in PARTS), "heap_peak", "stack_peak"),
    ]
    return "\n".join(lines) + "\n"


def guide(text: str, figures: dict[str, dict[str, int]]) -> str:
    """The how-to, with the figures of today between its marks."""
    begin, end = "<!-- footprint: begin -->\n", "<!-- footprint: end -->"
    rows = ["| TLS | flash | RAM without heap | heap, peak | stack, peak |", "| --- | ---: | ---: | ---: | ---: |"]
    for variant, each in figures.items():
        ram = sum(each[f"{part}_ram"] for part in PARTS)
        rows.append(f"| {variant} | {each['flash']:,} | {ram:,} | {each['heap_peak']:,} | {each['stack_peak']:,} |")
    before, _, rest = text.partition(begin)
    return before + begin + "\n".join(rows) + "\n" + end + rest.partition(end)[2]


def libraries(sources: Path) -> str:
    """Their versions, as Debian names them."""
    fetched = (sources / ".fetched").read_text(encoding="utf-8").split()
    return ", ".join(name.removesuffix(".dsc").replace("_", " ") for name in fetched)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only-build", action="store_true", help="build all variants, measure nothing")
    parser.add_argument("--sources", type=Path, default=PROJECT / ".sources", help="lwIP and Mbed TLS")
    chosen = parser.parse_args()
    os.umask(0o077)
    cache = HERE / "build"
    with (
        tempfile.TemporaryDirectory(prefix="sealmq-footprint-") as temporary,
        stage(Path(temporary), chosen.sources.resolve(), cache, print) as on,
    ):
        if chosen.only_build:
            build_all(on, cache)
            return
        figures = {}
        for variant in VARIANTS:
            print(f"TLS {variant} ...")
            figures[variant] = measure(on, variant)
    gcc = subprocess.run([need("arm-none-eabi-gcc", "gcc-arm-none-eabi"), "--version"], capture_output=True, text=True,
                         check=True)  # fmt: skip
    version = re.search(r"\) (\d+\.\d+)", gcc.stdout)
    PAGE.write_text(page(figures, f"gcc {version[1] if version else '?'}", libraries(chosen.sources)), encoding="utf-8")
    FIGURES.write_text(
        json.dumps({name: dict(sorted(each.items())) for name, each in figures.items()}, indent=2) + "\n",
        encoding="utf-8",
    )
    GUIDE.write_text(guide(GUIDE.read_text(encoding="utf-8"), figures), encoding="utf-8")
    print(f"written: {GUIDE.relative_to(PROJECT)}, {PAGE.relative_to(PROJECT)} and {FIGURES.name}")


if __name__ == "__main__":
    main()
