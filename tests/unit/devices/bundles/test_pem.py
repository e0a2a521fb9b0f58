from __future__ import annotations

import bundle_credentials
from sealmq.devices.bundles.pem import PEM


def test_each_file_is_what_its_name_says() -> None:
    device = bundle_credentials.credentials()
    files = {file.name: file for file in PEM().files(device)}
    assert list(files) == ["root.pem", "device.pem", "device-chain.pem", "device.key", "device.ec.key"]
    assert files["device-chain.pem"].content == device.leaf_pem + device.issuing_pem
    assert files["device.key"].content.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert files["device.ec.key"].content.startswith(b"-----BEGIN EC PRIVATE KEY-----\n")
    assert [name for name, file in files.items() if file.private] == ["device.key", "device.ec.key"]
    for file in files.values():
        assert max(len(line) for line in file.content.splitlines()) == 64  # RFC 7468 section 2


def test_the_readme_gives_a_command() -> None:
    readme = PEM().readme(bundle_credentials.credentials())
    assert "mosquitto_pub -h broker.example -p 8883 --cafile root.pem --cert device.pem --key device.key" in readme
    assert "YOUR-OWN.key" in PEM().readme(bundle_credentials.without_key())
