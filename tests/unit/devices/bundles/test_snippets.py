from __future__ import annotations

import pytest

from sealmq.devices.bundles.snippets import expect_snippets, snippet
from sealmq.devices.bundles.target import File
from sealmq.errors import BundleError


def test_a_snippet_is_the_file_that_is_kept_as_c() -> None:
    source = snippet("mbedtls", "tls_setup.c")
    assert source.name == "tls_setup.c"
    assert b"mbedtls_ssl_conf_authmode(&tls->config, MBEDTLS_SSL_VERIFY_REQUIRED);" in source.content
    expect_snippets([source], "mbedtls", "tls_setup.c")
    weakened = File(source.name, source.content.replace(b"VERIFY_REQUIRED", b"VERIFY_OPTIONAL"))
    with pytest.raises(BundleError, match=r"tls_setup\.c does not say what it must"):
        expect_snippets([weakened], "mbedtls", "tls_setup.c")
