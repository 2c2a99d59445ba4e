"""The sections of a model card, after Mitchell et al., Model Cards for Model Reporting (2019)."""

from __future__ import annotations

from model.card import choice, figures
from model.card.blocks import Block, Card, Items, Picture, Section, Table
from model.metadata import Metadata
from model.plots.plots import CALIBRATION, CONFUSION, COST, IMPORTANCE, PRECISION_RECALL, ROC
from model.results import Evaluation

_PICTURES = (
    Picture(
        PRECISION_RECALL,
        "precision and recall",
        "To the right more fraud is found, above fewer alerts are wrong.",
    ),
    Picture(
        ROC,
        "ROC",
        "Recall for each share of honest events that is alerted; the lines stand at 0.1 % and 1 %.",
    ),
    Picture(
        COST,
        "cost",
        "If reviews began at another score. A model pays where its dot lies below the cost of "
        "allowing everything.",
    ),
    Picture(
        IMPORTANCE,
        "importance",
        "How far each group of features moves a score, whether up or down.",
    ),
    Picture(
        CALIBRATION,
        "calibration",
        "On the diagonal a probability is what it says. Below: how many events there are.",
        wide=True,
    ),
    Picture(
        CONFUSION,
        "decisions",
        "Each column is a class, and its shares add up to 100 %.",
        wide=True,
    ),
)
#: Features that say something of a person whom decisions must not disadvantage.
_PERSONAL = ("age", "sex", "country")
_LIMITS = (
    "A score says how much an event looks like fraud that was found before. New kinds of fraud "
    "look like nothing the model knows.",
    "Labels are taken as they stand in the file. Fraud that nobody found counts as honest, in "
    "training and in every figure here.",
    "`random` divides the events of one burst between training and test, so it is the kinder "
    "figure; `time` is the one to expect of a stream.",
    "Intervals hold the models fixed: how much another training would change them is not in them.",
    "Costs are suppositions. Other costs give other thresholds: `fraudstream train` takes them.",
    "A review is supposed to find the truth, and its cost to be the same for every event.",
    "Reasons say what moved the model's score, not what happened.",
    "Fraud changes. Compare the live alert rate with the one above, judge the model on later "
    "labels, and train again.",
)


def card_of(metadata: Metadata, evaluation: Evaluation) -> Card:
    """Everything that both forms of the card show."""
    return Card(
        f"{metadata.profile} model {metadata.version}",
        f"{choice.title_of(metadata.candidate)}: gives each {metadata.profile} event a "
        "probability of fraud; what is above the thresholds below is to be reviewed or blocked.",
        tuple(
            Section(title, tuple(blocks))
            for title, blocks in (
                ("At a glance", figures.at_a_glance(evaluation)),
                ("Model details", _details(metadata)),
                ("Intended use", _use(metadata)),
                ("Factors", _factors(evaluation)),
                ("Metrics", figures.metrics(evaluation)),
                ("Decisions", choice.decisions(metadata)),
                ("Training data", _training_data(metadata)),
                ("Evaluation data", figures.evaluation_data(evaluation)),
                (
                    "Quantitative analyses",
                    [*figures.analyses(metadata, evaluation), *_PICTURES],
                ),
                ("How this model was chosen", choice.choice(metadata, evaluation)),
                ("Calibration", choice.calibration(metadata)),
                ("Reasons of an alert", choice.reasons(metadata)),
                ("Ethical considerations", _ethics(metadata)),
                ("Limits and recommendations", [Items(_LIMITS)]),
            )
        ),
    )


def _details(meta: Metadata) -> list[Block]:
    libraries = ", ".join(f"{name} {version}" for name, version in meta.libraries.items())
    return [
        _facts(
            ("version", f"{meta.version}, created {meta.created_at}"),
            ("model", choice.title_of(meta.candidate)),
            ("parameters", choice.parameters_of(meta.candidate)),
            ("calibration", meta.calibration.kind),
            ("input", f"{len(meta.feature_names)} features, hash `{meta.feature_hash}`"),
            ("output", "probability of fraud, float32"),
            ("`model.onnx` SHA-256", f"`{meta.digest}`"),
            ("seed", str(meta.seed)),
            ("libraries", libraries),
        )
    ]


def _use(meta: Metadata) -> list[Block]:
    return [
        Items(
            (
                f"Meant for scoring {meta.profile} events as they happen, so that people review "
                "the most suspicious and the clearest are blocked.",
                "Not meant for judging a person, for credit or prices, for events of another "
                "profile, or for a market whose fraud differs from that of the training data.",
            )
        )
    ]


def _factors(evaluation: Evaluation) -> list[Block]:
    found = [
        "Time: fraud comes in waves, and a wave that training did not see is hardly found. "
        "Compare `time` with `random`."
    ]
    if evaluation.subsets:
        found.append(
            'Rings: scripts that sign up and buy within a minute are easy. The columns "without '
            'rings" leave out all events that this rule flags, and show what remains hard.'
        )
    return [Items(tuple(found))]


def _training_data(meta: Metadata) -> list[Block]:
    data = meta.training
    rows = [
        ("events", f"{data.rows:,} with a label, {data.fraud:,} of them fraud "
         f"({100 * data.fraud / data.rows:.2f} %)"),
        ("period", f"{data.first} to {data.last}"),
        ("put away", f"{data.duplicates:,} duplicates, {data.unlabelled:,} without label"),
        ("file SHA-256", f"`{data.sha256}`"),
        ("IP table", f"`{meta.ip_table}`"),
    ]  # fmt: skip
    if data.until is not None:
        rows.insert(2, ("until", f"only events before {data.until}"))
    if data.since is not None:
        rows.insert(2, ("since", f"learnt from events at or after {data.since}"))
    return [_facts(*rows)]


def _ethics(meta: Metadata) -> list[Block]:
    personal = [f"`{name}`" for name in _PERSONAL if name in meta.feature_names]
    found = [
        "An alert is a suspicion. Somebody who is blocked needs a way to have it looked at.",
        "No file of this version holds an identity: no user, card, device or address.",
    ]
    if personal:
        found.insert(
            0,
            f"The model is given {', '.join(personal)}. Whether its errors fall more heavily on "
            "some groups was not measured; where the law forbids deciding by them, do not use it.",
        )
    if "v1" in meta.feature_names:
        found.append(
            "What `v1` to `v28` mean is not published: a reason that names them tells an analyst "
            "that something is unusual, not what."
        )
    return [Items(tuple(found))]


def _facts(*rows: tuple[str, str]) -> Table:
    return Table("", ("", ""), rows)
