"""The declared features of a file as Parquet, for pandas and whoever else reads that.

Promise: after ``write_feature_file`` returns, the file holds one row for each accepted event in
file order; equal inputs give equal bytes (by the same version of pyarrow). When it fails or is cut
short, a file that was there before is untouched and no half file has its name. Columns:

1. ``event_id`` (text) and ``row`` (int64), the line at which the event begins in the CSV,
2. the features in model order: numbers as float32, NaN where unknown, categories as int16 codes,
3. for each category its name in words, ``{feature}_name``.

``columns[2 : 2 + number of features]`` are thus what a model is given.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.whole_files import whole_file
from features.countries import CountryTable
from features.csv_source import CsvData
from features.csv_source.report import bare_name
from features.declared import Feature, declared_features, feature_hash
from features.offline import FeatureTable
from features.profiles import profile_spec

Progress = Callable[[int], None]

#: Rows of a row group: what is held in memory a second time while it is written.
CHUNK_ROWS = 1 << 17
_LEVEL = 3  # of zstd: higher ones cost seconds and win a few per cent


def default_feature_path(csv_path: Path) -> Path:
    """``NAME.features.parquet`` in the current directory, for ``NAME.csv`` or ``NAME.csv.gz``."""
    return Path(f"{bare_name(csv_path)}.features.parquet")


def write_feature_file(
    path: Path,
    data: CsvData,
    table: FeatureTable,
    countries: CountryTable,
    progress: Progress | None = None,
) -> None:
    """Write the features of a CSV file.

    Args:
        path: target; an existing file is replaced.
        data: the events.
        table: their features (``compute_features`` of ``data.batch``).
        countries: the IP table that these were computed with.
        progress: called with the number of rows written so far.

    Raises:
        DataError: the disk refuses (full, read-only).
    """
    features = declared_features(data.batch.profile)
    schema = feature_schema(data, countries)
    names = [_name_column(one) for one in features if one.categories]
    with (
        whole_file(path, "--out") as hidden,
        pq.ParquetWriter(
            hidden,
            schema,
            compression="zstd",
            compression_level=_LEVEL,
            use_dictionary=names,
        ) as writer,
    ):
        for start in range(0, len(data.batch), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            arrays = _arrays(data, features, table.matrix[rows], rows)
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), CHUNK_ROWS)
            if progress is not None:
                progress(min(start + CHUNK_ROWS, len(data.batch)))


def feature_schema(data: CsvData, countries: CountryTable) -> pa.Schema:
    """Columns of the file, each with what it means, and where the numbers come from."""
    profile = data.batch.profile
    features = declared_features(profile)
    has_address = "ip_address" in profile_spec(profile).text
    origin = {
        "profile": profile,
        "feature_hash": feature_hash(profile, countries.digest),
        "ip_table_digest": countries.digest if has_address else "",
        "ip_table_source": countries.source if has_address else "",
        "input_sha256": data.report.sha256,
    }
    return pa.schema(
        [
            pa.field("event_id", pa.string(), False, {"meaning": "id of the event"}),
            pa.field("row", pa.int64(), False, {"meaning": "line of the CSV; the header is 1"}),
            *(_field(one) for one in features),
            *(
                pa.field(
                    _name_column(one), pa.string(), False, {"meaning": f"{one.meaning}, in words"}
                )
                for one in features
                if one.categories
            ),
        ],
        {f"fraudstream.{key}": value for key, value in origin.items()},
    )


def _field(feature: Feature) -> pa.Field:
    about = {
        "unit": feature.unit,
        "meaning": feature.meaning,
        "entity": feature.entity,
        "window": feature.window,
    }
    if not feature.categories:
        return pa.field(feature.name, pa.float32(), False, about)
    about["categories"] = json.dumps(feature.categories)
    return pa.field(feature.name, pa.int16(), False, about)


def _name_column(feature: Feature) -> str:
    return f"{feature.name}_name"


def _arrays(
    data: CsvData, features: tuple[Feature, ...], matrix: NDArray[np.float32], rows: slice
) -> list[pa.Array]:
    columns = np.ascontiguousarray(matrix.T)  # one pass over the memory, not one for each column
    values, names = [], []
    for feature, column in zip(features, columns, strict=True):
        if not feature.categories:
            values.append(pa.array(column))
            continue
        codes = pa.array(column.astype(np.int16))
        values.append(codes)
        words = pa.DictionaryArray.from_arrays(codes, pa.array(feature.categories))
        names.append(words.cast(pa.string()))
    return [
        pa.array(data.batch.event_id[rows], pa.string()),
        pa.array(data.line[rows]),
        *values,
        *names,
    ]
