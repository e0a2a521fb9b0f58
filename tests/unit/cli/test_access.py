"""`sealmq access check`: the decision, the rule, and the exit code."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sealmq import cli, config
from sealmq.devices.accounts import Accounts
from sealmq.devices.tokens import Tokens
from sealmq.errors import ConfigError
from sealmq.home import Home
from sealmq.identity import Identity
from sealmq.mqtt.packets import PubAck
from sealmq.pki import passwords
from sealmq.pki.profiles import ServerNames
from stacks import Stage

Shown = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(passwords, "COST_LOG2", 4)
    path = tmp_path / "home"
    names = ServerNames(("localhost",), ("127.0.0.1",))
    with Home.create(path, organization="Test", country="XX", names=names, now=time.time()) as made:
        made.enrollment().add_device("sensor-1", now=time.time())
        Accounts(made.registry).add("panel", b"long enough", now=time.time())
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    return path


def test_what_is_allowed_names_its_rule(capsys: Shown) -> None:
    assert cli.run(["access", "check", "sensor-1", "publish", "devices/sensor-1/temp"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "sensor-1 may publish to devices/sensor-1/temp",
        "  rule 2: allow publish, subscribe for role device: devices/{device}/#",
    ]
    assert cli.run(["access", "check", "panel", "subscribe", "devices/panel/#"]) == 0
    assert "rule 3: allow publish, subscribe for role account" in capsys.readouterr().out


def test_what_is_denied_is_exit_code_1(capsys: Shown) -> None:
    assert cli.run(["access", "check", "SENSOR-1", "subscribe", "#"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "sensor-1 may not subscribe to #",
        "  no one rule allows all of it; a part of it is allowed by devices/sensor-1/# (rule 2)",
    ]


def test_a_rule_that_denies_is_named_too(home: Path, capsys: Shown) -> None:
    (home / "sealmq.toml").write_text(
        '[[access]]\naccount = "pan*"\ndeny = ["publish"]\ntopics = ["secret"]\n'
        '[[access]]\nallow = ["publish"]\ntopics = ["#"]\n'
    )
    assert cli.run(["access", "check", "panel", "publish", "secret", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["allowed"], told["kind"], told["role"]) == (False, "account", "account")
    assert told["rule"] == {
        "number": 1, "effect": "deny", "actions": ["publish"], "role": None, "device": None, "account": "pan*",
        "topics": ["secret"],
    }  # fmt: skip
    assert cli.run(["access", "check", "sensor-1", "publish", "secret", "--json"]) == 0


def test_rules_with_client_id_need_one(home: Path, capsys: Shown) -> None:
    (home / "sealmq.toml").write_text('[[access]]\nallow = ["publish"]\ntopics = ["c/{client_id}"]\n')
    assert cli.run(["access", "check", "panel", "publish", "c/one"]) == 1
    assert "give --client-id" in capsys.readouterr().out
    assert cli.run(["access", "check", "panel", "publish", "c/one", "--client-id", "one"]) == 0


def test_a_revoked_device_is_not_even_let_in(home: Path, capsys: Shown) -> None:
    with Home.open(home) as opened:
        opened.enrollment().revoke_device("sensor-1", now=time.time())
    assert cli.run(["access", "check", "sensor-1", "publish", "devices/sensor-1/temp"]) == 1
    assert "it is revoked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["nobody", "publish", "a"], 1, "there is no device and no account 'nobody'"),
        (["panel", "read", "a"], 2, "'read' is nothing that rules know"),
        (["panel", "publish", "a/#"], 2, "'a/#' cannot be used to publish"),
        (["panel", "subscribe", "a/#/b"], 2, "'a/#/b' cannot be used to subscribe"),
    ],
)
def test_what_makes_no_sense_is_said(words: list[str], code: int, told: str, capsys: Shown) -> None:
    assert cli.run(["access", "check", *words]) == code
    assert told in capsys.readouterr().err


def test_what_stands_behind_a_group_is_asked_for(capsys: Shown) -> None:
    assert cli.run(["access", "check", "sensor-1", "subscribe", "$share/g/devices/sensor-1/#"]) == 0
    assert cli.run(["access", "check", "sensor-1", "subscribe", "$share/g/a"]) == 1


def test_what_the_limits_forbid_no_rule_allows(home: Path, capsys: Shown) -> None:
    (home / "sealmq.toml").write_text("[limits]\ntopic_levels = 3\nclient_id_length = 23\n")
    assert cli.run(["access", "check", "operator", "publish", "a/b/c"]) == 0
    assert cli.run(["access", "check", "operator", "publish", "a/b/c/d"]) == 1
    assert "[limits]" in capsys.readouterr().out
    assert cli.run(["access", "check", "operator", "publish", "a", "--client-id", "x" * 24]) == 1


def test_a_certificate_that_has_expired_lets_nobody_in(capsys: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 20 * 365 * 86_400)
    assert cli.run(["access", "check", "sensor-1", "publish", "devices/sensor-1/a"]) == 1
    assert "its certificate has expired" in capsys.readouterr().out


def test_a_denial_that_was_read_wider_for_want_of_a_client_identifier_says_so(home: Path, capsys: Shown) -> None:
    (home / "sealmq.toml").write_text(
        '[[access]]\ndeny = ["publish"]\ntopics = ["{client_id}/a"]\n[[access]]\nallow = ["publish"]\ntopics = ["#"]\n'
    )
    assert cli.run(["access", "check", "sensor-1", "publish", "x/a"]) == 1
    assert "{client_id} is read as anything" in capsys.readouterr().out
    assert cli.run(["access", "check", "sensor-1", "publish", "x/a", "--client-id", "y"]) == 0


# -- the broker gives the same answer --------------------------------------------------------------------------------

LEVELS = st.sampled_from(["a", "b", "sensor-1", "panel", "device", "account", "one", "", "$x", "$SYS"])
PLACES = st.sampled_from(
    ["{device}", "{account}", "{role}", "{client_id}", "x{client_id}", "a", "b", "+", "$x", "$SYS"]
)
RULES = st.lists(
    st.tuples(
        st.sampled_from(["", 'role = "device"', 'role = "operator"', 'device = "sensor-*"', 'account = "p*"']),
        st.sampled_from(["allow", "deny"]),
        st.sampled_from(['["publish"]', '["subscribe"]', '["publish", "subscribe"]']),
        st.lists(PLACES, min_size=1, max_size=3).map("/".join),
        st.booleans(),
    ),
    max_size=5,
)
CLIENTS = st.sampled_from(
    ["one", "a/b", "+", "#", "a#", "$SYS", "$x", "{role}", "x y", "\u00e9", "\u200b", "-", "x" * 300]
)
ASKED = st.lists(LEVELS, min_size=1, max_size=3).map("/".join).filter(bool)
WANTED = st.tuples(
    st.sampled_from(["", "", "", "$share/g/"]),
    st.lists(st.one_of(LEVELS, st.just("+")), min_size=1, max_size=3).map("/".join).filter(bool),
    st.sampled_from(["", "", "/#"]),
).map("".join)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    RULES,
    st.sampled_from(["sensor-1", "operator", "panel"]),
    CLIENTS,
    st.one_of(st.tuples(st.just("publish"), ASKED), st.tuples(st.just("subscribe"), WANTED)),
)
def test_the_broker_gives_the_same_answer(
    home: Path,
    capsys: Shown,
    rules: list[tuple[str, str, str, str, bool]],
    name: str,
    client_id: str,
    asked: tuple[str, str],
) -> None:
    text = "[limits]\ntopic_levels = 3\n" + "".join(
        f'[[access]]\n{who}\n{effect} = {actions}\ntopics = ["{topic}{"/#" if is_open else ""}"]\n'
        for who, effect, actions, topic, is_open in rules
    )
    try:
        configuration = config.parse(text)
    except ConfigError:
        assume(False)
        raise
    (home / "sealmq.toml").write_text(text)
    action, topic = asked
    code = cli.run(["access", "check", name, action, "--client-id", client_id, "--json", "--", topic])
    told = json.loads(capsys.readouterr().out)
    assert (code == 0) == told["allowed"]
    assert told["allowed"] == broker_allows(configuration, name, client_id, action, topic), told


def broker_allows(configuration: config.Configuration, name: str, client_id: str, action: str, topic: str) -> bool:
    """A real link asks a real broker."""
    stage = Stage(configuration.access, topic_levels=configuration.limits.topic_levels)
    if name == "panel":
        identity = Identity(name, "account", kind="account")
        stage.registry.identify = lambda der, now: identity  # type: ignore[method-assign]
    client = stage.client(name)
    if client.connect(client_id).reason_code:
        return False
    if action == "subscribe":
        return client.subscribe(topic) == [0]
    client.publish(topic, qos=1)
    if client.closed:
        return False
    return client.expect(PubAck).reason_code < 0x80


def test_a_claim_and_a_renewal_are_asked_about_like_the_broker_does(home: Path, capsys: Shown) -> None:
    with Home.open(home) as opened:
        claim = opened.claims(now=time.time()).make("line-1", home.parent / "claim", now=time.time(), ttl=60.0)
    who = f"claim:{claim.number}"
    for name, topic, code in (
        (who, "$enroll/csr/json", 0),
        (who, "$enroll/renew/json", 1),
        (who, "devices/line-1/a", 1),
        ("sensor-1", "$enroll/renew/json", 0),
        ("sensor-1", "$enroll/csr/json", 1),
        ("operator", "$enroll/renew/json", 0),
        ("panel", "$enroll/renew/json", 1),
    ):
        assert cli.run(["access", "check", name, "publish", topic]) == code, (name, topic)
        assert cli.run(["access", "check", name, "subscribe", f"{topic}/accepted"]) == code, (name, topic)
    capsys.readouterr()
    with Home.open(home) as opened:
        Tokens(opened.registry).revoke(claim.number)
    assert cli.run(["access", "check", who, "publish", "$enroll/csr/json"]) == 1
    assert f"claim {claim.number} was revoked" in capsys.readouterr().out
    assert cli.run(["access", "check", "claim:99", "publish", "a"]) == 1
    assert "there is no token or claim 99" in capsys.readouterr().err
