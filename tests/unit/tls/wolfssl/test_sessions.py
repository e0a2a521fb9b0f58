from __future__ import annotations

from sealmq.tls.wolfssl.sessions import HANDLE, Session, Sessions


def session(born: int = 100) -> Session:
    return Session(b"very secret", b"certificate", "", born)


def test_a_session_is_found_by_its_handle_alone() -> None:
    store = Sessions()
    handle = store.keep(session())
    assert len(handle) == HANDLE
    assert store.find(handle, 100) == session()
    assert store.find(bytes(HANDLE), 100) is None
    store.forget(handle)
    store.forget(handle)
    assert store.find(handle, 100) is None


def test_the_one_that_was_used_least_lately_goes_first() -> None:
    store = Sessions(capacity=3)
    first, second, third = (store.keep(session()) for _ in range(3))
    store.find(first, 100)
    store.keep(session())
    assert len(store) == 3
    assert store.find(second, 100) is None
    assert store.find(first, 100)
    assert store.find(third, 100)


def test_a_session_ends_and_none_comes_from_the_future() -> None:
    store = Sessions(lifetime=50)
    early, late = store.keep(session()), store.keep(session(born=200))
    assert store.find(early, 150)
    assert store.find(early, 151) is None
    assert store.find(late, 199) is None
    assert len(store) == 0


def test_a_handle_that_wolfssl_has_chosen() -> None:
    store = Sessions()
    assert store.keep(session(), b"an ID") == b"an ID"
    assert store.find(b"an ID", 100)


def test_no_text_of_it_has_the_secret() -> None:
    assert "secret" not in repr(session()).replace("secret=", "")
