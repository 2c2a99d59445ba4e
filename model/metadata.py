"""What is written down about a model version: the typed content of its ``metadata.json``."""

from __future__ import annotations

import msgspec

from core.errors import ModelError
from model.calibration import Calibration
from model.candidate import Candidate
from model.costs import CostMatrix
from model.drift.bins import Bins

#: Raised by one when a field changes its meaning; added fields do not count.
METADATA_SCHEMA = 2


class Thresholds(msgspec.Struct, frozen=True):
    """Scores from which an event is reviewed and blocked; ``review`` ≤ ``block``.

    Both are exact float32 numbers, as scores are, so that comparing in either precision agrees.
    ``review_by`` and ``block_by`` say in words how each was chosen.
    """

    review: float
    block: float
    review_by: str = "given"
    block_by: str = "given"


class SeverityBands(msgspec.Struct, frozen=True):
    """Scores from which an alert is ``medium``, ``high`` and ``critical``; below, ``low``."""

    medium: float
    high: float
    critical: float


class FeatureReference(msgspec.Struct, frozen=True):
    """What one feature looks like on honest training events.

    Attributes:
        name: the feature.
        median: None where it was never known.
        scale: robust standard deviation in the feature's unit, above 0.
        unknown_share: share of events in which it is unknown, strictly between 0 and 1.
        shares: for a category the share of each code, all above 0; empty for numbers.
    """

    name: str
    median: float | None
    scale: float
    unknown_share: float
    shares: tuple[float, ...] = ()


class TrainingData(msgspec.Struct, frozen=True):
    """Where the model's knowledge comes from.

    Attributes:
        sha256: of the decompressed training file.
        first, last: times of the first and last event, ISO 8601 UTC.
        until: only events before this time were used; None: all of the file.
        rows: labelled events trained on, duplicates dropped.
        fraud: how many of them are fraud.
        duplicates: events that were dropped because they repeat another one.
        since: only events from this time on were learnt from; None: from the first of the file.
        unlabelled: events that gave history to others but were not trained on.
    """

    sha256: str
    first: str
    last: str
    until: str | None
    rows: int
    fraud: int
    duplicates: int
    unlabelled: int
    since: str | None = None


class Parity(msgspec.Struct, frozen=True):
    """The exported graph against the original, over ``rows`` real rows.

    ``largest_difference`` is of probabilities; ``flipped`` counts decisions that differ.
    """

    rows: int
    largest_difference: float
    flipped: int


class Policy(msgspec.Struct, frozen=True):
    """By what thresholds are chosen.

    Attributes:
        costs: of decisions.
        by: ``cost`` or ``budget``.
        budget: share of all events that may be alerted, for ``budget``.
    """

    costs: CostMatrix
    by: str = "cost"
    budget: float = 0.01


class Explaining(msgspec.Struct, frozen=True):
    """What the reasons of an alert cost: TreeSHAP steps, and processor µs of one row."""

    steps: float
    us_per_row: float


class Metadata(msgspec.Struct, frozen=True):
    """One model version; see ``docs/model.md`` for the file.

    ``digest`` is the SHA-256 of ``model.onnx``, ``feature_hash`` that of the declared features
    (``features.declared.feature_hash``), ``ip_table`` the digest of the IP table. ``thresholds``
    were chosen by ``policy.by``; ``alternatives`` has those of each way. ``label_delay_s`` is how
    long a label was supposed to take to be known. ``drift`` has the bins in which events are
    counted, with the training events in each; versions of older programs have none.
    """

    profile: str
    name: str
    version: str
    digest: str
    feature_hash: str
    feature_names: tuple[str, ...]
    ip_table: str
    candidate: Candidate
    calibration: Calibration
    policy: Policy
    thresholds: Thresholds
    alternatives: dict[str, Thresholds]
    severity_bands: SeverityBands
    reference: tuple[FeatureReference, ...]
    training: TrainingData
    parity: Parity
    explaining: Explaining
    label_delay_s: float
    seed: int
    libraries: dict[str, str]
    created_at: str
    drift: tuple[Bins, ...] = ()
    schema: int = METADATA_SCHEMA


def encode_metadata(metadata: Metadata) -> bytes:
    """The file's bytes: indented JSON in the order of the fields."""
    return msgspec.json.format(msgspec.json.encode(metadata), indent=2) + b"\n"


def decode_metadata(raw: bytes, where: str) -> Metadata:
    """The metadata in ``raw``.

    Raises:
        ModelError: it is not what this program writes; ``where`` names the file in the message.
    """
    try:
        metadata = msgspec.json.decode(raw, type=Metadata)
    except msgspec.MsgspecError as error:
        raise ModelError(
            f"{where}: {error}: train the model again with `fraudstream train CSV`"
        ) from None
    if metadata.schema > METADATA_SCHEMA:
        raise ModelError(
            f"{where}: schema {metadata.schema} is newer than this program's {METADATA_SCHEMA}: "
            "update fraudstream or promote an older version"
        )
    return metadata
