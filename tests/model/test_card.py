"""The card says what was judged, in both forms, and the page needs nothing beside it."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import msgspec
import pytest

from model.candidate import Candidate, Choice, Tried
from model.card.card import model_card
from model.card.figures import figure_of
from model.card.html import card_html
from model.card.sections import card_of
from model.fitting.families import usual
from model.metadata import Metadata
from model.plots.plots import CALIBRATION, CONFUSION, COST, IMPORTANCE, PRECISION_RECALL, ROC
from model.registry import ModelVersion
from model.results import TITLES, Evaluation, Interval

PLOTS = {
    name: b"\x89PNG " + name.encode()
    for name in (CALIBRATION, CONFUSION, COST, IMPORTANCE, PRECISION_RECALL, ROC)
}
#: Elements of HTML that are never closed.
VOID = {"meta", "img"}


class Page(HTMLParser):
    """Checks that elements are closed in order; keeps text, elements and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


@pytest.fixture(scope="module")
def searched(trained: ModelVersion) -> tuple[Metadata, Evaluation]:
    """The trained version as if a search had preceded it."""
    chosen = usual("xgboost", "class_weights")
    tried = (
        Tried(chosen, "tuned", 0.61, 0.9, 0.01, 0.02, tied=True),
        Tried(usual("xgboost"), "usual", 0.62, 0.8, 0.0, 0.0, tied=True),
        *(
            Tried(Candidate("random_forest", "none", {"max_depth": depth}), "tuned", 0.5, 0.7,
                  0.12, 0.03)
            for depth in range(12)
        ),
        Tried(usual("decision_tree", "smote"), "screened", 0.4, 0.1),
        Tried(usual("decision_tree"), "screened", 0.3, 0.1),
        Tried(usual("logistic_regression"), "usual", 0.63, 0.1,
              refused="explaining an alert takes 999,999 steps, 400,000 allowed"),
    )  # fmt: skip
    metadata = msgspec.structs.replace(trained.metadata, candidate=chosen)
    choice = Choice(chosen, tried)
    return metadata, msgspec.structs.replace(trained.evaluation(), choice=choice)


@pytest.fixture(scope="module")
def card(searched: tuple[Metadata, Evaluation]) -> str:
    return model_card(*searched)


@pytest.fixture(scope="module")
def page(searched: tuple[Metadata, Evaluation]) -> Page:
    return Page(card_html(*searched, PLOTS))


def row_of(card: str, beginning: str) -> str:
    (row,) = [line for line in card.splitlines() if line.startswith(f"| {beginning} |")]
    return row


def test_every_figure_of_every_split_is_in_the_card(
    card: str, page: Page, trained: ModelVersion
) -> None:
    evaluation = trained.evaluation()
    groups = [evaluation.splits, *evaluation.subsets.values(), *evaluation.baselines.values()]
    for figures in (figures for group in groups for figures in group.values()):
        for metric in TITLES:
            assert figure_of(metric, figures[metric]) in card
            assert figure_of(metric, figures[metric]) in page.words
    assert "without rings" in card


def test_amounts_have_no_decimals_and_small_errors_more_of_them() -> None:
    figure = Interval(1234.5678, 0.01234, 2000.0)
    assert figure_of("cost_per_1000", figure) == "1,235 (0–2,000)"
    assert figure_of("brier", figure) == "1234.5678 (0.0123–2000.0000)"
    assert figure_of("f1", figure) == "1234.568 (0.012–2000.000)"
    assert figure_of("brier", Interval(None, None, None)) == "–"


def test_both_ways_of_choosing_thresholds_and_the_costs_are_shown(
    card: str, trained: ModelVersion
) -> None:
    meta, costs = trained.metadata, trained.evaluation().costs
    for way in meta.alternatives.values():
        assert f"{way.review:.6f}" in card
        assert way.review_by in card
        assert way.block_by in card
    assert row_of(card, "**least cost (in use)**").count("**") == 8
    cost, budget = meta.alternatives["cost"], meta.alternatives["budget"]
    assert f"| **block** | **{cost.block:.6f}** |" in card
    assert f"| review | {budget.review:.6f} |" in row_of(card, "budget of 1.00% of events")
    policy = msgspec.structs.replace(meta.policy, by="budget")
    other = msgspec.structs.replace(meta, policy=policy, thresholds=budget)
    rows = model_card(other, trained.evaluation())
    assert row_of(rows, "**budget of 1.00% of events (in use)**").count("**") == 8
    assert f"| **block** | **{budget.block:.6f}** |" in rows
    assert f"| block | {cost.block:.6f} |" in rows
    assert row_of(card, "allow") == f"| allow | 0 | {costs.missed:g} |"
    assert row_of(card, "block") == f"| block | {costs.blocked:g} | 0 |"


def test_what_was_tried_is_shown_with_the_best_of_every_family(card: str) -> None:
    start = card.index("14 of 17 candidates, in order of preference")
    table = card[start : card.index("\n\n", card.index("| ---", start))]
    rows = table.splitlines()[4:]
    assert len(rows) == 14
    assert rows[0].startswith("| **Gradient boosting (XGBoost), class weights** |")
    assert "| **0.0100 ± 0.0200** | **yes** | **0.900** |" in rows[0]
    assert "**" not in "".join(rows[1:])
    assert "| Decision tree, smote |" in rows[12]
    assert "| 0.4000 | – | – | 0.100 |" in rows[12]
    assert "| refused |" in rows[13]
    assert "explaining an alert takes 999,999 steps" in card
    assert "The best average precision, 0.6200, is that of Gradient boosting (XGBoost), classes " \
        "as they are. 2 lie within one standard error" in card  # fmt: skip


def test_a_model_that_nothing_stood_beside_says_so(trained: ModelVersion) -> None:
    card = model_card(trained.metadata, trained.evaluation())
    assert "Nothing else was tried" in card
    assert "in order of preference" not in card


def test_parts_calibration_reasons_and_personal_features_are_shown(
    card: str, trained: ModelVersion
) -> None:
    meta, evaluation = trained.metadata, trained.evaluation()
    part = evaluation.parts["time"][0]
    assert f"| {part.model} | {part.calibration} | {part.review:.4f} | {part.block:.4f} |" in card
    for kind, loss in meta.calibration.log_loss.items():
        used = "in use" if kind == meta.calibration.kind else ""
        assert f"| {kind} | {loss:.5f} | {used} |" in card
    assert f"{meta.explaining.us_per_row:,.1f} µs" in card
    assert "given `age`, `sex`, `country`" in card
    assert "`v1` to `v28`" not in card
    bank = model_card(msgspec.structs.replace(meta, feature_names=("v1", "amount")), evaluation)
    assert "The model is given" not in bank
    assert "What `v1` to `v28` mean is not published" in bank


def test_a_split_that_was_left_out_is_named_with_its_reason(trained: ModelVersion) -> None:
    evaluation = msgspec.structs.replace(trained.evaluation(), left_out={"attack": "it is <short>"})
    assert "left out: `attack`: it is &lt;short>" in model_card(trained.metadata, evaluation)


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        ((10.0, 9.0, 11.0), "cost less than allowing everything"),
        ((99.0, 98.0, 100.0), "cost more than allowing everything"),
        ((45.0, 20.0, 90.0), "cost about as much as allowing everything"),
    ],
)
def test_a_model_is_held_against_no_model(
    trained: ModelVersion, cost: tuple[float, float, float], said: str
) -> None:
    evaluation = trained.evaluation()
    time = {**evaluation.splits["time"], "cost_per_1000": Interval(*cost)}
    simple = {
        "base_rate": {
            **evaluation.baselines["time"]["base_rate"],
            "cost_per_1000": Interval(50.0, 40.0, 60.0),
        }
    }
    changed = msgspec.structs.replace(
        evaluation,
        splits={"time": time},
        baselines={"time": simple},
        subsets={},
        parts={"time": evaluation.parts["time"]},
    )
    assert f"In `time` the decisions {said}" in model_card(trained.metadata, changed)


def test_the_page_says_what_the_markdown_says(
    page: Page, searched: tuple[Metadata, Evaluation]
) -> None:
    for section in card_of(*searched).sections:
        assert section.title in page.words
        for block in section.blocks:
            if block.kind == "text":
                assert getattr(block, "text").replace("`", "") in page.words  # noqa: B009
    titles = [title for title, attributes in page.elements if title == "h2"]
    assert len(titles) == len(card_of(*searched).sections)


def test_the_page_loads_nothing_and_runs_nothing(page: Page) -> None:
    names = {name for name, _ in page.elements}
    assert not names & {"script", "link", "iframe", "object", "form"}
    sources = [attributes["src"] or "" for name, attributes in page.elements if name == "img"]
    assert len(sources) == len(PLOTS)
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    targets = [attributes["href"] for name, attributes in page.elements if name == "a"]
    anchors = {attributes.get("id") for _, attributes in page.elements}
    assert {(target or "").removeprefix("#") for target in targets} <= anchors


def test_text_in_the_page_is_never_markup(searched: tuple[Metadata, Evaluation]) -> None:
    metadata, evaluation = searched
    bad = "<script>alert('x')</script> & `<b>`"
    changed = msgspec.structs.replace(evaluation, left_out={"attack": bad})
    found = card_html(metadata, changed, PLOTS)
    assert "<script" not in found
    assert "<b>" not in found
    assert html.escape("<script>alert", quote=False) in found
    assert "<code>&lt;b&gt;</code>" in found


def test_both_forms_are_the_same_each_time(searched: tuple[Metadata, Evaluation]) -> None:
    assert model_card(*searched) == model_card(*searched)
    assert card_html(*searched, PLOTS) == card_html(*searched, PLOTS)


def test_every_table_of_the_markdown_has_rows_of_one_width(card: str) -> None:
    for block in card.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1


def test_a_bar_in_a_cell_begins_no_other_cell(trained: ModelVersion) -> None:
    meta = trained.metadata
    training = msgspec.structs.replace(meta.training, until="a|b")
    card = model_card(msgspec.structs.replace(meta, training=training), trained.evaluation())
    assert row_of(card, "until") == "| until | only events before a\\|b |"
