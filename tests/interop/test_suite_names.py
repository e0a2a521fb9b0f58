"""The names of cipher suites, beside those that OpenSSL prints."""

from __future__ import annotations

import re
import subprocess

import pytest

from running import program
from sealmq.kit.dissect.suites import NAMES


@pytest.mark.interop
def test_openssl_calls_the_suites_by_the_same_names() -> None:
    command = [program("openssl", "openssl"), "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    found = re.findall(r"0x(\w\w),0x(\w\w) - (\w+)", printed)
    assert len(found) > 100
    for high, low, name in found:
        assert NAMES[int(high + low, 16)] == name
