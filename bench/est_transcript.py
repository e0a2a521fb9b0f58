"""EST with other people's clients, as it is typed: strongSwan's pki, and curl with openssl; then mosquitto_pub.

    .venv/bin/python bench/est_transcript.py

A broker is started in a home of its own, on free ports of the loopback. Each command is printed with what it said. The
interop tests run the same commands (tests/interop/test_est.py), and docs/howto/enroll-with-est.md shows them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STRONGSWAN = (
    "sealmq enroll token --device pump-7",
    "pki --estca --url https://localhost:{est} --cacert root.pem --caout ca --outform pem",
    "pki --gen --type ecdsa --size 256 --outform pem > pump-7.key",
    'pki --req --in pump-7.key --type priv --dn "CN=pump-7" > pump-7.req',
    "pki --est --url https://localhost:{est} --cacert ca.pem --cacert ca-1.pem --cacert ca-2.pem --cacert ca-3.pem"
    " --userpass pump-7:{token} --in pump-7.req --outform pem > pump-7.pem",
    "openssl x509 -in pump-7.pem -noout -subject -serial -enddate",
    "pki --gen --type ecdsa --size 256 --outform pem > new.key",
    'pki --req --in new.key --type priv --dn "CN=pump-7" > new.req',
    "pki --est --url https://localhost:{est} --cacert ca.pem --cacert ca-1.pem --cacert ca-2.pem --cacert ca-3.pem"
    " --cert pump-7.pem --key pump-7.key --in new.req --outform pem > new.pem",
    "openssl x509 -in new.pem -noout -subject -serial -enddate",
    "mosquitto_pub -h localhost -p {mqtt} --cafile root.pem --cert new.pem --key new.key"
    " -t devices/pump-7/state -m renewed -q 1",
)
"""Enrolment, re-enrolment with a new key, and a message with the result."""

CURL = (
    "sealmq enroll token --device sensor-8",
    "curl -sS --cacert root.pem https://localhost:{est}/.well-known/est/cacerts | base64 -d"
    " | openssl pkcs7 -inform DER -print_certs -out cacerts.pem",
    "openssl storeutl -noout -certs cacerts.pem",
    "openssl ecparam -name prime256v1 -genkey -noout -out sensor-8.key",
    "openssl req -new -key sensor-8.key -subj /CN=sensor-8 -outform DER | base64 > sensor-8.b64",
    "curl -sS --cacert root.pem -u sensor-8:{token} -H 'Content-Type: application/pkcs10'"
    " --data-binary @sensor-8.b64 https://localhost:{est}/.well-known/est/simpleenroll | base64 -d"
    " | openssl pkcs7 -inform DER -print_certs -out sensor-8.pem",
    "openssl x509 -in sensor-8.pem -noout -subject -serial -enddate",
    "curl -sS --cacert root.pem --cert sensor-8.pem --key sensor-8.key -H 'Content-Type: application/pkcs10'"
    " --data-binary @sensor-8.b64 https://localhost:{est}/.well-known/est/simplereenroll | base64 -d"
    " | openssl pkcs7 -inform DER -print_certs -out renewed.pem",
    "openssl x509 -in renewed.pem -noout -subject -serial -enddate",
    "mosquitto_pub -h localhost -p {mqtt} --cafile root.pem --cert renewed.pem --key sensor-8.key"
    " -t devices/sensor-8/state -m renewed -q 1",
)
"""The same with what every system has; the renewal keeps its key, and its request."""

REFUSED = (
    "curl -sS --cacert root.pem -u sensor-8:{token} -H 'Content-Type: application/pkcs10'"
    " --data-binary @other.b64 https://localhost:{est}/.well-known/est/simpleenroll"
)
"""The token once more, with another key: {token} is that of CURL."""

NOISE = re.compile(r"plugin '[a-z0-9-]+': failed to load")
"""What strongSwan says of plugins that Debian packages elsewhere."""


@dataclass(frozen=True)
class Step:
    """A command and what it said."""

    command: str
    said: str
    code: int


def play(commands: Sequence[str], folder: Path, home: Path, ports: Mapping[str, int]) -> Iterator[Step]:
    """Run commands in a folder, which has root.pem; stops behind one that fails. ports: "est" and "mqtt"."""
    token = ""
    program = f"{sys.executable} -m sealmq"
    for command in commands:
        words = command.format(token=token, **ports)
        real = words.replace("sealmq ", f"{program} ", 1) + f" --home {home}" if words.startswith("sealmq ") else words
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", real], cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        said = "\n".join(line for line in (done.stdout + done.stderr).splitlines() if not NOISE.match(line))
        found = re.search(r"^  ([A-Za-z0-9_-]{43})$", said, re.MULTILINE)
        token = found[1] if found else token
        yield Step(words, said, done.returncode)
        if done.returncode != 0:
            return


@contextmanager
def broker(home: Path) -> Iterator[dict[str, int]]:
    """A broker on free ports, with a home that is made for it."""
    command = [sys.executable, "-m", "sealmq", "up", "--home", str(home)]
    command += ["--listen", "127.0.0.1:0", "--https", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as up:
        try:
            assert up.stdout is not None
            ports = {}
            for line in up.stdout:
                found = re.match(r"  (listening|EST \(HTTPS\)) on +127\.0\.0\.1:([0-9]+)", line)
                if found:
                    ports["mqtt" if found[1] == "listening" else "est"] = int(found[2])
                if "Ctrl-C ends it" in line:
                    break
            yield ports
        finally:
            up.terminate()


def main() -> int:
    """Print the whole transcript."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        with broker(home) as ports:
            for title, commands in (("strongSwan's pki", STRONGSWAN), ("curl and openssl", CURL)):
                folder = Path(name) / title.split("'")[0].split()[0]
                folder.mkdir()
                (folder / "root.pem").write_bytes((home / "ca" / "root.pem").read_bytes())
                print(f"== {title}\n")
                for step in play(commands, folder, home, ports):
                    print(f"$ {step.command}")
                    if step.said:
                        print(step.said)
                    if step.code:
                        print(f"(exit code {step.code})")
                        return 1
                print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
