from __future__ import annotations

from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.devices.bundles.zephyr import SHELL, Zephyr, read_shell_commands
from sealmq.errors import BundleError


def test_what_is_typed_is_what_is_compiled_in() -> None:
    device = bundle_credentials.with_two_roots()
    files = {file.name: file for file in Zephyr().files(device)}
    newer, older = device.root_ders
    assert files["certs/root.der"].content == newer
    assert files["certs/root-2.der"].content == older
    assert read_shell_commands(files[SHELL].content) == {
        (42, "CA"): newer,
        (43, "CA"): older,
        (42, "CLIENT"): device.leaf_der,
        (42, "PK"): device.key_sec1_der,
    }
    assert files[SHELL].private
    assert max(len(line) for line in files[SHELL].content.splitlines()) < 200


def test_every_der_file_is_made_an_inc_file() -> None:
    files = {file.name: file.content for file in Zephyr().files(bundle_credentials.with_two_roots())}
    for name in ("root", "root-2", "device", "device.key"):
        assert f"certs/{name}.der ${{gen_dir}}/{name}.der.inc)".encode() in files["credentials.cmake"]
        assert f'#include "{name}.der.inc"'.encode() in files["tls_setup.c"]


@pytest.mark.parametrize("line", ["cred get 42 PK BIN", "cred buf !", "cred add 42 CA DEFAULT STR", "rm -r /"])
def test_a_line_that_the_shell_would_refuse_is_refused(line: str) -> None:
    with pytest.raises(BundleError):
        read_shell_commands(f"{line}\n".encode())


def test_damaged_base64_is_refused() -> None:
    device = bundle_credentials.credentials()
    files = Zephyr().files(device)
    shell = next(file for file in files if file.name == SHELL)
    for damaged in (shell.content.replace(b"MII", b"MIJ", 1), shell.content.replace(b"MII", b"MI", 1)):
        others = [file for file in files if file is not shell]
        with pytest.raises(BundleError):
            Zephyr().check([*others, replace(shell, content=damaged)], device)
