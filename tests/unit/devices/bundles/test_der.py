from __future__ import annotations

import bundle_credentials
from sealmq.devices.bundles.der import DER


def test_each_file_is_der_and_nothing_more() -> None:
    device = bundle_credentials.with_two_roots()
    files = {file.name: file for file in DER().files(device)}
    assert list(files) == [
        *("root.der", "root-2.der", "device.der", "device-ca.der", "device.key.der", "device.pkcs8.der")
    ]
    assert (files["root.der"].content, files["root-2.der"].content) == device.root_ders
    assert files["device.key.der"].content == device.key_sec1_der
    assert [name for name, file in files.items() if file.private] == ["device.key.der", "device.pkcs8.der"]
    for file in files.values():  # the outer SEQUENCE ends where the file ends
        length = file.content[1] if file.content[1] < 0x80 else int.from_bytes(file.content[2:4][: file.content[1] & 3])
        assert len(file.content) - length in (2, 3, 4)
