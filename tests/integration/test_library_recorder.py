"""The `eventsourcing` library's own examination of recorders, held on our store."""

import unittest

import pytest
from eventsourcing.persistence import IntegrityError, OperationalError, StoredEvent
from eventsourcing.tests import persistence as library

from infrastructure.recorder import PostgresAggregateRecorder, PostgresApplicationRecorder
from tests.kinds import EMBEDDED_ALONE


class OnOurStore:
    __test__ = False
    INITIAL_VERSION = 0
    kind: type[PostgresApplicationRecorder] = PostgresApplicationRecorder
    recorder: PostgresApplicationRecorder

    def create_recorder(self) -> PostgresApplicationRecorder:
        return self.recorder


class AggregateCases(OnOurStore, library.AggregateRecorderTestCase):
    kind = PostgresAggregateRecorder


class ApplicationCases(OnOurStore, library.ApplicationRecorderTestCase[PostgresApplicationRecorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class NonInterleavingCases(OnOurStore, library.NonInterleavingNotificationIDsBaseCase):
    pass


CASES = [
    (cases, method)
    for cases in (AggregateCases, ApplicationCases, NonInterleavingCases)
    for method in unittest.defaultTestLoader.getTestCaseNames(cases)
]


@EMBEDDED_ALONE
@pytest.mark.parametrize(("cases", "method"), CASES, ids=lambda part: getattr(part, "__name__", part))
def test_the_librarys_case_is_passed(
    cases: type[AggregateCases | ApplicationCases | NonInterleavingCases], method: str, own_database_url: str
) -> None:
    """Run by hand: pytest gives cases of unittest no database for each kind of server."""
    case, result = cases(method), unittest.TestResult()
    with cases.kind(own_database_url) as case.recorder:
        case.run(result)
    assert result.testsRun == 1
    assert [trace for _, trace in result.errors + result.failures] == []


def test_every_kind_of_case_is_held() -> None:
    assert len(CASES) >= 2 + 5 + 1


@EMBEDDED_ALONE
def test_states_and_topics_may_be_anything(own_database_url: str) -> None:
    event = StoredEvent("named, not numbered", 0, "module.path:Class.Event", bytes(range(256)))
    with PostgresApplicationRecorder(own_database_url) as recorder:
        recorder.insert_events([event])
        assert recorder.select_events("named, not numbered") == [event]


@EMBEDDED_ALONE
@pytest.mark.parametrize("versions", [(1,), (0, 2), (0, 0), (-1,)])
def test_versions_that_leave_something_out_are_refused(own_database_url: str, versions: tuple[int, ...]) -> None:
    with PostgresApplicationRecorder(own_database_url) as recorder:
        with pytest.raises(IntegrityError):
            recorder.insert_events([StoredEvent("id", version, "topic", b"") for version in versions])
        assert recorder.max_notification_id() is None


@EMBEDDED_ALONE
def test_what_another_process_records_reaches_a_subscription(own_database_url: str) -> None:
    open_recorder = PostgresApplicationRecorder
    with open_recorder(own_database_url) as here, open_recorder(own_database_url) as there, here.subscribe() as heard:
        there.insert_events([StoredEvent("id", 0, "topic", b"state")])
        assert next(heard).state == b"state"


@EMBEDDED_ALONE
def test_a_database_that_is_away_is_an_operational_error(own_database_url: str) -> None:
    with PostgresAggregateRecorder(own_database_url) as recorder:
        recorder._committer._closing = True
        with pytest.raises(OperationalError):
            recorder.insert_events([StoredEvent("id", 0, "topic", b"")])
