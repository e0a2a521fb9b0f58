"""Three files, and a form: each field of it is in the README."""

from __future__ import annotations

import bundle_credentials
from sealmq.bundle import KEY_FILE, LEAF_FILE, ROOT_FILE
from sealmq.devices.bundles.home_assistant import TARGET


def test_each_field_of_the_form_has_its_value() -> None:
    readme = TARGET.readme(bundle_credentials.credentials())
    rows = dict(
        [cell.strip() for cell in line.strip("|").split("|")] for line in readme.splitlines() if line.startswith("| ")
    )
    assert rows["Broker"] == "`broker.example`"
    assert rows["Port"] == "`8883`"
    assert rows["Upload client certificate file"] == f"`{LEAF_FILE}`"
    assert rows["Upload private key file"] == f"`{KEY_FILE}`"
    assert rows["Upload custom CA certificate file"] == f"`{ROOT_FILE}`"
    assert rows["Ignore broker certificate validation"] == "**off**"


def test_the_key_is_pkcs8_without_a_password() -> None:
    files = {file.name: file.content for file in TARGET.files(bundle_credentials.credentials())}
    assert files[KEY_FILE].startswith(b"-----BEGIN PRIVATE KEY-----\n")
