from __future__ import annotations

from sealmq.config import Configuration, ListenerSettings
from sealmq.contexts import build_contexts
from sealmq.home import Home
from sealmq.identity import BY_CERTIFICATE
from sealmq.pki.profiles import ServerNames
from sealmq.tls.plaintext import PlaintextContext
from sealmq.tls.resumption import Resumption

NOW = 1_800_000_000.0


def test_there_is_one_for_each_kind_of_terms(tmp_path):
    names = ServerNames(("localhost",))
    listeners = (ListenerSettings("127.0.0.1:1", auth="password", plaintext=True), ListenerSettings(":2", "password"))
    with Home.create(tmp_path / "home", organization="Example", country="NL", names=names, now=NOW) as home:
        contexts = build_contexts(home, Configuration(listener=listeners), Resumption(), NOW)
        assert set(contexts) == {BY_CERTIFICATE, *(each.terms for each in listeners)}
        assert isinstance(contexts[listeners[0].terms], PlaintextContext)
        again = build_contexts(home, Configuration(), Resumption(), NOW)
        assert again[BY_CERTIFICATE] is not contexts[BY_CERTIFICATE]
