from __future__ import annotations

import inspect

from sealmq.broker.store import MemoryStore, Store
from sealmq.store.sqlite import SQLiteStore


def test_both_stores_answer_the_same_question() -> None:
    questions = {name for name in vars(Store) if not name.startswith("_")}
    for kind in (MemoryStore, SQLiteStore):
        for name in questions:
            asked = inspect.signature(getattr(Store, name))
            assert list(inspect.signature(getattr(kind, name)).parameters) == list(asked.parameters), name


def test_the_one_in_memory_never_has_anything_to_wait_for() -> None:
    store: Store = MemoryStore()
    store.forgotten("a")
    assert (store.number, store.failing) == (0, "")
