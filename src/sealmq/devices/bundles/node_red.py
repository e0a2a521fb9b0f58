"""node-red: a flow with its TLS configuration, to be imported; the key stays in a file and out of the flow.

Flows are copied, shared and committed; so the tls-config node names files, and carries no certificate itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sealmq.bundle import KEY_FILE, LEAF_FILE, ROOT_FILE
from sealmq.devices.bundles import notes
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.pem_files import certificate_files, expect_pem_files, key_files
from sealmq.devices.bundles.target import EVERY_KEY, File, Limits, Target, content_of
from sealmq.errors import BundleError

FLOW: Final = "flow.json"
CERTIFICATES: Final = "/data/certs"
"""Where the flow expects the folder of the device: Node-RED's official container keeps its data in /data."""

_TAB, _TLS, _BROKER = "sealmq-tab", "sealmq-tls", "sealmq-broker"


class NodeRed(Target):
    """A flow, and the three files that it names."""

    name = "node-red"
    title = "Node-RED: a flow to import, with its TLS configuration and broker"
    limits = Limits(keys=EVERY_KEY)

    def files(self, credentials: Credentials) -> list[File]:
        """Without a key everything is as it will be once device.key lies beside it."""
        flow = json.dumps(_flow(credentials), indent=2) + "\n"
        return [
            *certificate_files(credentials),
            File(FLOW, flow.encode()),
            *key_files(credentials),
        ]

    def readme(self, credentials: Credentials) -> str:
        """Where the files go, and how the flow is imported."""
        name, folder = credentials.name, f"{CERTIFICATES}/{credentials.name}"
        missing = notes.missing_key_file(credentials)
        return f"""# {name}: Node-RED

{missing}1. Put `{ROOT_FILE}`, `{LEAF_FILE}` and `{KEY_FILE}` where Node-RED can read them. The flow looks in
   `{folder}/`, which is right for the official container. Elsewhere change the flow first:

       sed -i "s|{folder}|$HOME/.node-red/certs/{name}|" {FLOW}

2. Menu > Import > `{FLOW}` > Import, then Deploy.
3. Press the button of "say hello": it goes to `devices/{name}/hello`, and comes back into the debug window.

The broker is `{credentials.host}`, port {credentials.port}, MQTT 5 (Node-RED 2 or newer).

## Traps

- "Verify server certificate" stays on: without it anybody can be the broker.
- A file that cannot be read makes the tls-config node invalid; the log says which. The files belong to Node-RED's user.
- Do not paste the private key into the editor: it would lie in `flows_cred.json`, under a password that is beside it.
- Certificates are read at Deploy. After a renewal: Deploy > Restart flows.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """The flow is parsed; every node that it refers to must be there, and the TLS node must check the broker."""
        expect_pem_files(files, credentials)
        _check_flow(content_of(files, FLOW), credentials)


def _flow(credentials: Credentials) -> list[dict[str, Any]]:
    name, folder = credentials.name, f"{CERTIFICATES}/{credentials.name}"
    return [
        {"id": _TAB, "type": "tab", "label": f"SealMQ: {name}"},
        {
            "id": _TLS,
            "type": "tls-config",
            "name": f"{name} at {credentials.host}",
            "certType": "files",
            "cert": f"{folder}/{LEAF_FILE}",
            "key": f"{folder}/{KEY_FILE}",
            "ca": f"{folder}/{ROOT_FILE}",
            "certname": "",
            "keyname": "",
            "caname": "",
            "servername": "",
            "verifyservercert": True,
            "alpnprotocol": "",
        },
        {
            "id": _BROKER,
            "type": "mqtt-broker",
            "name": f"SealMQ as {name}",
            "broker": credentials.host,
            "port": str(credentials.port),
            "tls": _TLS,
            "usetls": True,
            "clientid": name,
            "autoConnect": True,
            "protocolVersion": "5",
            "keepalive": "60",
            "cleansession": True,
            "sessionExpiry": "",
        },
        *_nodes(name),
    ]


def _nodes(name: str) -> list[dict[str, Any]]:
    """A button that says hello, and what hears it."""
    topic = f"devices/{name}/hello"
    return [
        {
            "id": "sealmq-button",
            "type": "inject",
            "z": _TAB,
            "name": "say hello",
            "props": [{"p": "payload"}],
            "payload": f"Hello from {name}",
            "payloadType": "str",
            "repeat": "",
            "once": False,
            "x": 140,
            "y": 80,
            "wires": [["sealmq-out"]],
        },
        {
            "id": "sealmq-out",
            "type": "mqtt out",
            "z": _TAB,
            "name": "",
            "topic": topic,
            "qos": "1",
            "retain": "false",
            "broker": _BROKER,
            "x": 360,
            "y": 80,
            "wires": [],
        },
        {
            "id": "sealmq-in",
            "type": "mqtt in",
            "z": _TAB,
            "name": "",
            "topic": topic,
            "qos": "1",
            "datatype": "auto-detect",
            "broker": _BROKER,
            "x": 160,
            "y": 160,
            "wires": [["sealmq-debug"]],
        },
        {"id": "sealmq-debug", "type": "debug", "z": _TAB, "name": "heard", "active": True, "x": 360, "y": 160},
    ]


def _check_flow(content: bytes, credentials: Credentials) -> None:
    try:
        nodes = {node["id"]: node for node in json.loads(content)}
        tls, broker = nodes[_TLS], nodes[_BROKER]
        referred = {node["broker"] for node in nodes.values() if node["type"].startswith("mqtt ")}
        wires = {id_ for node in nodes.values() for wire in node.get("wires", []) for id_ in wire}
        files = {tls["cert"], tls["key"], tls["ca"]}
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{FLOW} cannot be read", why=str(error)) from error
    folder = f"{CERTIFICATES}/{credentials.name}"
    if (
        files != {f"{folder}/{name}" for name in (ROOT_FILE, LEAF_FILE, KEY_FILE)}
        or tls["verifyservercert"] is not True
    ):
        raise BundleError(f"{FLOW} does not name the files of this device, or does not check the broker")
    dialled = (broker["broker"], broker["port"], broker["clientid"], broker["usetls"], broker["tls"])
    if dialled != (credentials.host, str(credentials.port), credentials.name, True, _TLS):
        raise BundleError(f"{FLOW} connects elsewhere, or not by TLS")
    if referred != {_BROKER} or not wires <= nodes.keys():
        raise BundleError(f"{FLOW} refers to a node that is not in it")


TARGET = NodeRed()
