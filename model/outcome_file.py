"""``outcomes.npz``: what was said of every test event, kept so that versions can be compared.

Promise: the same outcomes give the same bytes, they come back as they were, and nothing in the file
says whose event a row was: it has labels, scores, decisions, and days counted from the first one.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from model.metrics import Outcomes

OUTCOMES_FILE = "outcomes.npz"

_TYPES = {
    "fraud": np.dtype(np.bool_),
    "score": np.dtype(np.float32),
    "flagged": np.dtype(np.bool_),
    "blocked": np.dtype(np.bool_),
    "day": np.dtype(np.int32),
}
_OPTIONAL = "day"
#: The names of all others: an archive whose list of members was cut short is still an archive.
_CONTENTS = "contents"
_BAD_ARCHIVE = (zipfile.BadZipFile, zlib.error)


def encode_outcomes(outcomes: Mapping[str, Outcomes]) -> bytes:
    """The file's bytes.

    Args:
        outcomes: split → its test events. Days may begin anywhere; the first of all becomes 0.
    """
    starts = [int(one.day.min()) for one in outcomes.values() if one.day is not None]
    first = min(starts, default=0)
    arrays: dict[str, NDArray[np.generic]] = {}
    for split, one in outcomes.items():
        day = None if one.day is None else one.day - first
        for name, column in (
            ("fraud", one.fraud),
            ("score", one.score),
            ("flagged", one.flagged),
            ("blocked", one.blocked),
            ("day", day),
        ):
            if column is not None:
                arrays[f"{split}_{name}"] = column.astype(_TYPES[name])
    arrays = {_CONTENTS: np.array(list(arrays), np.str_), **arrays}
    buffer = io.BytesIO()
    # The archive's members have numpy's fixed date, not today's.
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def decode_outcomes(raw: bytes, where: str) -> dict[str, Outcomes]:
    """The outcomes in ``raw``, by split; nothing is unpickled.

    Raises:
        ModelError: it is not what this program writes; ``where`` names the file in the message.
    """
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, TypeError, EOFError, RuntimeError, *_BAD_ARCHIVE):
        raise ModelError(_refusal(where, "it is no archive of arrays")) from None
    contents = {str(name) for name in arrays.pop(_CONTENTS, np.array([_CONTENTS])).ravel()}
    if missing := sorted(contents - arrays.keys()):
        raise ModelError(_refusal(where, f"{missing[0]!r} is missing"))
    splits = [name.removesuffix("_score") for name in arrays if name.endswith("_score")]
    found = {split: _outcomes(arrays, split, where) for split in splits}
    known = {f"{split}_{name}" for split in splits for name in _TYPES}
    if unknown := sorted(arrays.keys() - known):
        raise ModelError(_refusal(where, f"{unknown[0]!r} belongs to no split"))
    return found


def _outcomes(arrays: Mapping[str, NDArray[np.generic]], split: str, where: str) -> Outcomes:
    columns: dict[str, NDArray[np.generic] | None] = {}
    for name, dtype in _TYPES.items():
        column = arrays.get(f"{split}_{name}")
        if column is None and name != _OPTIONAL:
            raise ModelError(_refusal(where, f"'{split}_{name}' is missing"))
        if column is not None and (column.dtype != dtype or column.ndim != 1):
            raise ModelError(
                _refusal(
                    where,
                    f"'{split}_{name}' is {column.dtype} of shape {column.shape}, not a column of "
                    f"{dtype}",
                )
            )
        columns[name] = column
    if len({len(column) for column in columns.values() if column is not None}) != 1:
        raise ModelError(_refusal(where, f"the columns of {split!r} differ in length"))
    day = columns.pop(_OPTIONAL)
    return Outcomes(**columns, day=None if day is None else day.astype(np.int64))  # type: ignore[arg-type]


def _refusal(where: str, why: str) -> str:
    return f"{where}: {why}: train the model again with `fraudstream train CSV`"
