"""What runs beside an answer is bounded, and refused rather than queued for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from relay.chat.beside import Beside, Busy
from tests.web.parlour import Inline, Never


def test_work_beside_an_answer_is_bounded() -> None:
    some = Beside(Never(), most=2)
    some.start(lambda: None)
    some.start(lambda: None)
    with pytest.raises(Busy):
        some.start(lambda: None)
    one = Beside(Inline(), most=1)
    assert [one.wait(lambda: "done") for _ in range(2)] == ["done", "done"]
    executor = ThreadPoolExecutor(1)
    closed = Beside(executor, most=1)
    closed.close()
    for _ in range(2):
        with pytest.raises(Busy):
            closed.start(lambda: None)
