"""What runs beside an answer is bounded, and refused rather than queued for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from pagerduty_api.errors import Unavailable
from relay.chat.beside import Beside, Busy
from relay.chat.oncall import OnCall
from tests.chat.fakes import Office
from tests.web.parlour import Inline, Never


def test_pagerduty_is_asked_once_at_a_time_who_is_on_call(office: Office) -> None:
    """It may be slow, and what runs beside the answers is bounded: dialogs need it too."""
    beside = Beside(Never(), most=2)
    oncall = OnCall(office.store, office.shelf, office.clock, beside)
    for _ in range(3):
        assert oncall.known("PSTORAG") is None
    beside.start(lambda: None)
    with pytest.raises(Busy):
        beside.start(lambda: None)
    assert oncall.known("PPAYMEN") is None


def test_what_could_not_be_learnt_is_asked_again(office: Office) -> None:
    oncall = OnCall(office.store, office.shelf, office.clock, Beside(Inline(), most=1))
    office.shelf.problem = Unavailable("PagerDuty is away")
    for _ in range(2):
        assert oncall.known("PSTORAG") is None
    assert office.shelf.asked == 2


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
