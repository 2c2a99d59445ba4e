"""What must hold after a run, whatever happened in it.

Every check compares with the oracle or with what the run itself left behind; none asks a worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.settings import Settings
from tests.faults.oracle import Expected, Oracle
from tests.faults.outcomes import Copy, Outcomes
from tests.faults.state import StoredLogs
from tests.stream.workers import committed, end_offsets

#: What may differ between two messages about one outcome: when it was worked out again, and where
#: its event lies if that was published again. Of reasons see ``agreed``.
_MAY_DIFFER = {"scored_at", "origin", "reasons"}
_SHOWN = 5


def assert_run_was_exact(settings: Settings, oracle: Oracle, outcomes: Outcomes) -> None:
    """After a run in which one worker at a time drained what was published in order."""
    expected = oracle.offline()
    assert_each_event_has_one_outcome(oracle, outcomes, expected)
    assert_features(oracle, outcomes, expected)
    logs = StoredLogs(settings)
    assert_state_holds_exactly_the_events(oracle, logs)
    assert_state_is_in_order(oracle, logs)
    assert committed(settings) == end_offsets(settings)


def assert_run_was_serial(settings: Settings, oracle: Oracle, outcomes: Outcomes) -> None:
    """After a run with several workers, or one whose input came over time.

    An event's features are those of what stands before it in the logs of its entities, the events
    of a partition stand there in their order, and the user's features are those of offline. (The
    orders of two logs need not be parts of one order of all events: two workers may meet at a
    device in one order and at an address in the other.)
    """
    logs = StoredLogs(settings)
    assert_state_holds_exactly_the_events(oracle, logs)
    expected = oracle.from_quantities(logs.quantities(oracle))
    assert_each_event_has_one_outcome(oracle, outcomes, expected)
    assert_features(oracle, outcomes, expected)
    assert_partitions_agree_with_every_log(oracle, logs, outcomes)
    names = next(iter(outcomes.alerts.values()))[0].content["features"] if outcomes.alerts else ()
    of_user = [column for column, name in enumerate(names) if name.startswith("user_")]
    offline = oracle.offline().matrix
    assert np.array_equal(expected.matrix[:, of_user], offline[:, of_user], equal_nan=True)
    assert committed(settings) == end_offsets(settings)


def assert_each_event_has_one_outcome(
    oracle: Oracle, outcomes: Outcomes, expected: Expected
) -> None:
    """Nothing lost, nothing doubled: a score for each event, an alert where it is due, as expected.

    Messages may be repeated; all copies must then say the same.
    """
    assert not outcomes.dead, outcomes.dead[0].headers()
    _assert_same_events(oracle.row_of, outcomes.scores, "score")
    alerted = {oracle.batch.event_id[row] for row in np.flatnonzero(expected.alerted).tolist()}
    _assert_same_events(dict.fromkeys(alerted), outcomes.alerts, "alert")
    wrong = []
    for event_id, copies in outcomes.scores.items():
        row = oracle.row_of[event_id]
        score = agreed(event_id, copies)
        if (np.float32(score["score"]), score["decision"]) != (
            expected.score[row],
            expected.decision[row],
        ):
            wrong.append((event_id, score["score"], float(expected.score[row])))
        alert_id = None if event_id not in alerted else outcomes.alerts[event_id][0].content
        assert score["alert_id"] == (alert_id and alert_id["alert_id"]), event_id
    assert not wrong, f"{len(wrong)} scores differ from the oracle's: {wrong[:_SHOWN]}"


def assert_features(oracle: Oracle, outcomes: Outcomes, expected: Expected, of: str = "") -> None:
    """Every alert carries the features, or those whose names begin with ``of``, that are due."""
    wrong = []
    for event_id, copies in outcomes.alerts.items():
        found = agreed(event_id, copies)["features"]
        row = expected.matrix[oracle.row_of[event_id]].tolist()
        for (name, value), due in zip(found.items(), row, strict=True):
            if not name.startswith(of):
                continue
            if np.float32(np.nan if value is None else value) != np.float32(due) and not (
                value is None and np.isnan(due)
            ):
                wrong.append((event_id, name, value, due))
    events = len({one[0] for one in wrong})
    assert not wrong, f"features of {events} events differ from the oracle's: {wrong[:_SHOWN]}"


def assert_state_holds_exactly_the_events(oracle: Oracle, logs: StoredLogs) -> None:
    """The logs hold every event, and nothing else."""
    for entity, expected in oracle.logs().items():
        due = {logs.key(entity, one): set(entries) for one, entries in expected.items()}
        found = {key: set(entries) for key, entries in logs.entries[entity].items() if entries}
        missing = sum(len(entries - found.get(key, set())) for key, entries in due.items())
        foreign = sum(len(entries - due.get(key, set())) for key, entries in found.items())
        assert (missing, foreign) == (0, 0), (
            f"logs of {entity}s: {missing} entries missing, {foreign} that should not be there"
        )


def assert_state_is_in_order(oracle: Oracle, logs: StoredLogs) -> None:
    """Every log first met its events in the order in which they were published."""
    for entity, expected in oracle.logs().items():
        wrong = [
            one
            for one, entries in expected.items()
            if logs.first_occurrences(entity, one) != entries
        ]
        assert not wrong, f"{len(wrong)} logs of {entity}s are out of order: {wrong[:_SHOWN]}"


def assert_partitions_agree_with_every_log(
    oracle: Oracle, logs: StoredLogs, outcomes: Outcomes
) -> None:
    """In every log the events of one partition stand in the order of their offsets."""
    for entity, expected in oracle.logs().items():
        row_of = {entry.tobytes(): row for row, entry in enumerate(oracle.entries(entity))}
        for one in expected:
            reached: dict[int, int] = {}
            for entry in logs.first_occurrences(entity, one):
                event_id = oracle.batch.event_id[row_of[entry]]
                origin = outcomes.scores[event_id][0].content["origin"]
                partition, offset = origin["partition"], origin["offset"]
                assert offset > reached.get(partition, -1), (entity, one, partition, offset)
                reached[partition] = offset


def agreed(event_id: str, copies: list[Copy]) -> dict[str, Any]:
    """What all copies of an outcome say.

    Who explains an alert hangs on how many there are in its micro-batch, and copies come in
    different ones: reasons are the same where they come from the same.
    """
    first = _lasting(copies[0].content)
    for other in copies[1:]:
        assert _lasting(other.content) == first, (event_id, first, other.content)
    by_code: dict[str, object] = {}
    for copy in copies:
        for reasons in filter(None, [copy.content.get("reasons")]):
            assert by_code.setdefault(reasons[0]["code"], reasons) == reasons, event_id
    return copies[0].content


def _lasting(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in _MAY_DIFFER}


def _assert_same_events(due: Mapping[str, object], found: Mapping[str, object], what: str) -> None:
    missing, foreign = due.keys() - found.keys(), found.keys() - due.keys()
    assert not missing, f"{len(missing)} events without {what}, such as {sorted(missing)[:_SHOWN]}"
    assert not foreign, (
        f"{len(foreign)} events with {what} that is not due, such as {sorted(foreign)[:_SHOWN]}"
    )
