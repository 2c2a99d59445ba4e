"""Cases: changed once, seen at once, sent as labels, and gone with their alerts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.main import app as command
from core.errors import BrokerError
from core.kafka_admin import ensure_topics
from core.messages import Label
from core.names import DAY_MS, CaseState, Topics
from core.settings import Settings
from tests.views.read_model import (
    PROFILE,
    START_MS,
    Message,
    Own,
    Topic,
    alert,
    expiry_of,
    produce,
    projecting,
    read_model,
    score,
    take,
    wait_for,
)
from tests.views.test_api_labels import client_of, published
from tests.views.world import World
from views.case import UNTOUCHED, Case
from views.handling.casework import Casework, Conflict
from views.periods import Span
from views.readmodel.cases import NoSuchAlert
from views.readmodel.forget import forget
from views.readmodel.projector import read_topics
from views.readmodel.rebuild import rebuild
from views.readmodel.redis_store import RedisStore
from views.store import AlertFilter

NEW, REVIEW, CONFIRMED, DISMISSED = CaseState


@dataclass
class Sent:
    """In the place of Kafka: what was sent, and how often it is to fail first."""

    fails: int = 0
    labels: list[Label] = field(default_factory=list)

    def send(self, labels: Sequence[Label]) -> None:
        if self.fails:
            self.fails -= 1
            raise BrokerError("away")
        self.labels += labels


@dataclass
class Desk:
    """Two alerts and their cases."""

    own: Own
    store: RedisStore
    sent: Sent
    work: Casework

    def change(self, event_id: str, state: CaseState, **more: object) -> Case:
        given = {"who": "", "note": "", "now_ms": START_MS} | more
        return self.work.change(PROFILE, event_id, state, **given)  # type: ignore[arg-type]

    def case(self, event_id: str) -> Case:
        return self.store.cases.of(PROFILE, [event_id])[0]


@contextmanager
def desk(settings: Settings, days: int = 400) -> Iterator[Desk]:
    with read_model(settings, days) as (own, store):
        messages = []
        for number, event_id in enumerate(("a", "b")):
            of = score(event_id, START_MS + number, decision="review", user_id=event_id)
            messages += [Message("scores", of), Message("alerts", alert(of))]
        take(own, Topic("x", messages).all)
        sent = Sent()
        yield Desk(own, store, sent, Casework(store.cases, sent))  # type: ignore[arg-type]


def test_a_change_is_made_once_and_says_its_label(settings: Settings) -> None:
    with desk(settings) as at:
        assert at.case("a") == UNTOUCHED
        before = at.store.revision()
        found = at.change("a", CONFIRMED, who="Ada", note="stolen")
        assert found == Case(CONFIRMED, 1, START_MS, "Ada", "stolen")
        assert at.store.revision() != before
        # Asked again, whether or not the first answer was seen.
        for revision in (None, 0, 1):
            again = at.change("a", CONFIRMED, who="Ada", note="stolen", revision=revision)
            assert again == found
        assert [(one.event_id, one.label, one.source) for one in at.sent.labels] == [
            ("a", 1, "case")
        ]
        # Later, even by a clock that went back: the label that counts is the last one's.
        other = at.change("a", DISMISSED, now_ms=START_MS - 5)
        assert (other.revision, other.at_ms) == (2, START_MS + 1)
        assert at.sent.labels[-1].labelled_at > at.sent.labels[0].labelled_at
        assert at.change("a", REVIEW).revision == 3
        assert len(at.sent.labels) == 2
        assert at.case("b") == UNTOUCHED
        with pytest.raises(NoSuchAlert):
            at.change("nobody", REVIEW)


def test_a_change_for_another_revision_is_refused(settings: Settings) -> None:
    with desk(settings) as at:
        at.change("a", REVIEW, revision=0)
        with pytest.raises(Conflict) as refused:
            at.change("a", DISMISSED, revision=0)
        assert refused.value.case.state is REVIEW
        assert at.change("a", DISMISSED, revision=1).revision == 2
        with pytest.raises(Conflict):  # what stands there, but seen long before
            at.change("a", DISMISSED, revision=0)
        assert len(at.sent.labels) == 1


def test_a_label_that_failed_is_due_and_sent_when_asked_again(settings: Settings) -> None:
    with desk(settings) as at:
        at.sent.fails = 2
        for _ in range(2):
            with pytest.raises(BrokerError):
                at.change("a", CONFIRMED, revision=0)
            assert at.case("a").fields()["label_sent"] is False
            assert at.case("a").revision == 1
        found = at.change("a", CONFIRMED, revision=0, now_ms=START_MS + 99)
        assert (found.revision, found.at_ms, found.label_due) == (1, START_MS, False)
        assert [one.event_id for one in at.sent.labels] == ["a"]


@given(
    changes=st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from(list(CaseState)),
            st.sampled_from(["", "x"]),
        ),
        max_size=8,
    ),
    repeats=st.lists(st.integers(1, 3), min_size=8, max_size=8),
)
@examples(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_repeats_change_nothing(
    settings: Settings, changes: list[tuple[str, CaseState, str]], repeats: list[int]
) -> None:
    with desk(settings) as once, desk(settings) as often:
        for (event_id, state, note), times in zip(changes, repeats, strict=False):
            once.change(event_id, state, note=note)
            for _ in range(times):
                often.change(event_id, state, note=note)
        for event_id in ("a", "b"):
            assert often.case(event_id) == once.case(event_id)
        assert often.sent.labels == once.sent.labels
        for state in CaseState:
            wanted = [one for one in ("b", "a") if once.case(one).state is state]
            page = often.store.alerts(PROFILE, Span(), AlertFilter(state=state), None, 5)
            assert [one["event_id"] for one in page.alerts] == wanted
            for one in page.alerts:
                assert one["case"] == once.case(one["event_id"]).fields()


def test_of_changes_at_once_each_is_made_and_one_is_last(settings: Settings) -> None:
    with desk(settings) as at:
        start = threading.Barrier(6)

        def change(number: int) -> None:
            start.wait()
            at.change("a", CONFIRMED, note=str(number))

        threads = [threading.Thread(target=change, args=[n]) for n in range(6)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert at.case("a").revision == 6
        assert len({one.labelled_at for one in at.sent.labels}) == 6


def test_a_case_goes_with_its_alert(settings: Settings) -> None:
    with desk(settings, days=1) as at:
        at.change("a", REVIEW)
        new = Topic("y", [Message("scores", score("new", START_MS + 5 * DAY_MS))])
        take(at.own, new.all)
        while expiry_of(at.own).step():
            pass
        assert at.case("a") == UNTOUCHED
        with pytest.raises(NoSuchAlert):
            at.change("a", REVIEW)


def test_over_http(settings: Settings) -> None:
    ensure_topics(settings, read_topics(settings), 2)
    store = RedisStore(settings)
    client = client_of(settings, store)
    of = [score(name, START_MS + n, decision="block", user_id=name) for n, name in enumerate("ab")]
    produce(
        settings, [Message(*one) for o in of for one in (("scores", o), ("alerts", alert(o)))], 2
    )
    with projecting(settings):
        wait_for(settings, 4)
        first = client.get("/cases/a")
        assert (first.get_json()["state"], first.headers["ETag"]) == ("new", '"0"')
        given = {"state": "confirmed", "who": "Ada", "note": "line\nand\ttab"}
        tag = client.get("/alerts").headers["ETag"]
        for _ in range(2):
            response = client.put("/cases/a", json=given, headers={"If-Match": '"0"'})
            assert response.status_code == 200
            assert response.headers["ETag"] == '"1"'
        assert response.get_json()["label_sent"] is True
        assert client.get("/alerts", headers={"If-None-Match": tag}).status_code == 200
        refused = client.put("/cases/a", json={"state": "new"}, headers={"If-Match": '"0"'})
        assert refused.status_code == 412
        assert refused.get_json()["case"]["who"] == "Ada"
        wait_for(settings, 5)
        assert [one["label"] for one in published(settings)] == [1]
        assert client.get("/alerts/a").get_json()["labels"][0]["source"] == "case"
        assert ids(client, "state=confirmed") == ["a"]
        assert ids(client, "state=new") == ["b"]
        # It outlives the read model, which is made anew, and not the person.
        rebuild(settings, lambda _: None)
        assert ids(client, "state=confirmed&label=fraud") == ["a"]
        assert forget(settings, PROFILE, "a").cases == 1
        assert client.get("/cases/a").status_code == 404
        assert forget(settings, PROFILE, "b").cases == 0
        again = store.cases.of(PROFILE, ["a"])
        assert again == [UNTOUCHED]
    store.close()


def ids(client: FlaskClient, query: str) -> list[str]:
    return [one["event_id"] for one in client.get(f"/alerts?{query}").get_json()["alerts"]]


@pytest.mark.parametrize(
    ("given", "headers", "status", "said"),
    [
        ({"state": "done"}, {}, 422, "state"),
        ({}, {}, 422, "state"),
        ({"state": "new", "by": "me"}, {}, 422, "by"),
        ({"state": "new", "who": "x" * 65}, {}, 422, "who"),
        ({"state": "new", "note": "x" * 1_001}, {}, 422, "note"),
        ({"state": "new", "note": "a\u0000"}, {}, 422, "note"),
        ([], {}, 422, "object"),
        ({"state": "new"}, {"If-Match": '"x"'}, 400, "If-Match"),
        ({"state": "new"}, {"If-Match": '"1", "2"'}, 400, "If-Match"),
    ],
)
def test_bad_changes_are_refused(
    settings: Settings, given: object, headers: dict[str, str], status: int, said: str
) -> None:
    with desk(settings) as at:
        own = settings.model_copy(update={"namespace": at.own.namespace})
        response = client_of(own, at.store).put("/cases/a", json=given, headers=headers)
        assert response.status_code == status
        assert said in response.get_json()["detail"]
        assert at.case("a") == UNTOUCHED


def test_a_file_has_no_cases(world: World) -> None:
    client = world.client()
    event_id = next(iter(world.events.alerts))
    assert client.get(f"/cases/{event_id}").status_code == 422
    assert client.put(f"/cases/{event_id}", json={"state": "new"}).status_code == 422
    assert client.get("/alerts?state=confirmed").get_json()["alerts"] == []
    assert client.get("/alerts").get_json()["alerts"][0]["case"] is None


def test_the_command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_topics(settings, [Topics(settings.namespace).labels], 1)
    monkeypatch.setenv("FRAUDSTREAM_KAFKA", settings.kafka)
    monkeypatch.setenv("FRAUDSTREAM_REDIS", settings.redis.get_secret_value())
    with desk(settings) as at:
        monkeypatch.setenv("FRAUDSTREAM_NAMESPACE", at.own.namespace)

        def run(*arguments: str) -> tuple[int, str]:
            found = CliRunner().invoke(command, ["cases", *arguments])
            return found.exit_code, found.output

        assert run("list") == (0, "no cases\n")
        code, said = run("set", "a", "confirmed", "--who", "Ada", "--revision", "0")
        assert (code, said) == (0, "a: confirmed (revision 1) and sent as a label\n")
        code, said = run("list", "--json")
        assert (code, json.loads(said)["state"]) == (0, "confirmed")
        assert "Ada" in run("list")[1]
        code, said = run("set", "a", "new", "--revision", "0")
        assert code == 1
        assert "at revision 1, not 0" in said
        assert run("set", "nobody", "new")[0] == 1
        assert run("set", "a", "lost")[0] == 2
        code, said = run("set", "b", "dismissed", "--json")
        assert json.loads(said)["label_sent"] is True
        assert [(one["event_id"], one["label"]) for one in published(
            settings.model_copy(update={"namespace": at.own.namespace})
        )] == [("a", 1), ("b", 0)]  # fmt: skip
