"""A file and what the views make of it, for tests of the API: the store, and the file by pandas."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from flask.testing import FlaskClient

from cli.views_file import shown_events
from core.settings import Settings, load_settings
from features.countries import load_country_table
from features.csv_source import read_transactions
from features.known import country_codes
from producer.sample import SampleOptions, write_sample
from stream.offline_scores import as_replayed
from tests.stream.conftest import put_small_model
from views.file.frame import Events, FrameStore
from views.predicting.past import FilePast
from views.predicting.predict import Predictor
from views.serving.app import create_app

ROWS = 1_500
#: What must never be taken for more than text.
XSS = "<script>alert(1)</script>"
FORMULA = '=HYPERLINK("http://127.0.0.1/","x")'
#: The ways a label is written; empty is unknown.
LABELS = {"0": ("0", "0.0", "FALSE"), "1": ("1", "1.0", "true")}
#: Behind the last event of the sample.
NOW_MS = 1_800_000_000_000


@dataclass
class World:
    """A file, shown."""

    path: Path
    settings: Settings
    events: Events
    store: FrameStore
    predictor: Predictor | None
    table: pd.DataFrame  #: of the file, by pandas, with ``alert`` (0, 1)

    def client(self, **settings: Any) -> FlaskClient:
        """A client of an app with further settings."""
        changed = Settings(**{**self.settings.model_dump(), **settings})
        app = create_app(self.store, changed, self.predictor, clock=lambda: NOW_MS, page=False)
        app.testing = True
        # What is unexpected ends in an answer here, too.
        app.config["PROPAGATE_EXCEPTIONS"] = False
        return app.test_client()


def world_of(path: Path, folder: Path, *, with_model: bool = True, **settings: Any) -> World:
    """A file scored by the small champion, or by nobody."""
    given = load_settings(models=folder / "models", **settings)
    if with_model and not (folder / "models").exists():
        put_small_model(given)
    countries = load_country_table(given.ip_table)
    data = read_transactions(path, rejects=folder / "rejects.csv")
    shown = shown_events(data, given, countries, lambda done, total: None)
    assert bool(shown.note) != with_model
    predictor = None
    if with_model:
        batch = data.batch.take(as_replayed(data.batch))
        predictor = Predictor(given, countries, FilePast(batch, country_codes(batch, countries)))
    return World(
        path,
        given,
        shown.events,
        FrameStore(shown.events, shown.name),
        predictor,
        by_pandas(path, shown.events),
    )


def by_pandas(path: Path, events: Events) -> pd.DataFrame:
    """The file, read by pandas alone; whether there is an alert and the country are taken over."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    if "event_id" not in table:
        prefix = events.event_id[0][:-12]
        table["event_id"] = [f"{prefix}{line:012d}" for line in range(2, len(table) + 2)]
    # The reader sets aside a line that is cut short, as the last one of the real file is.
    table = table[table["purchase_value"] != ""].copy()
    slashes = "/" in table["purchase_time"].iloc[0]
    pattern = "%m/%d/%Y %H:%M" if slashes else "%Y-%m-%d %H:%M:%S"
    table["time"] = pd.to_datetime(table["purchase_time"], format=pattern, utc=True)
    table["amount"] = table["purchase_value"].astype(float)
    label = table["class"].str.lower()
    table["label"] = label.map({"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1})
    table["alert"] = table["event_id"].isin(events.alerts.keys()).astype(int)
    country = dict(zip(events.event_id, events.texts["country"], strict=True))
    table["country"] = table["event_id"].map(country)
    bands = ["<18", "18–24", "25–34", "35–44", "45–54", "55–64", "65+"]
    age = pd.to_numeric(table["age"])
    cut = pd.cut(age, [-1, 18, 25, 35, 45, 55, 65, 200], right=False, labels=bands)
    table["age_band"] = cut.astype(object).where(age.notna(), "unknown")
    for name in ("browser", "source", "sex", "device_id", "country"):
        table[name] = table[name].replace("", "unknown").fillna("unknown")
    return table


def counted_by(rows: pd.DataFrame, keys: pd.Series) -> dict[Any, dict[str, int | None]]:
    """The three counts of the rows of each key."""
    sums = pd.DataFrame(
        {
            "transactions": 1,
            "alerts": rows["alert"],
            "fraud": (rows["label"] == 1).astype(int),
            "labelled": rows["label"].notna().astype(int),
        }
    )
    found = sums.groupby(keys.to_numpy()).sum().to_dict("index")
    return {
        key: {
            "transactions": int(one["transactions"]),
            "alerts": int(one["alerts"]),
            "fraud": int(one["fraud"]) if one["labelled"] else None,
        }
        for key, one in found.items()
    }


def counted(rows: pd.DataFrame) -> dict[str, int | None]:
    """The three counts of some rows of the file."""
    labelled = rows["label"].notna().any()
    return {
        "transactions": len(rows),
        "alerts": int(rows["alert"].sum()),
        "fraud": int((rows["label"] == 1).sum()) if labelled or rows.empty else None,
    }


def write_world(path: Path) -> None:
    """A sample with ids of its own, labels in all forms and none, and texts that mean harm."""
    plain = path.with_suffix(".plain.csv")
    write_sample(plain, SampleOptions(rows=ROWS, fraud_rate=0.2, days=40))
    with plain.open(newline="") as file:
        header, *rows = csv.reader(file)
    at = {name: number for number, name in enumerate(header)}
    drawn = random.Random(7)
    for number, row in enumerate(rows):
        row[at["class"]] = drawn.choice((*LABELS[row[at["class"]]], ""))
        if number % 40 == 3:
            row[at["browser"]] = drawn.choice(("", XSS, FORMULA, "FireFox"))
        if number % 40 == 5:
            row[at[drawn.choice(("sex", "age", "source", "ip_address"))]] = ""
    devices = sorted({row[at["device_id"]] for row in rows})
    counts = {one: sum(row[at["device_id"]] == one for row in rows) for one in devices}
    names = dict(zip(sorted(counts, key=lambda one: -counts[one]), (XSS, FORMULA), strict=False))
    for row in rows:
        row[at["device_id"]] = names.get(row[at["device_id"]], row[at["device_id"]])
    ids = [f"a//b/{number} é?&" if number % 2 else f"e-{number}" for number in range(len(rows))]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["event_id", *header]])
        writer.writerows([one, *row] for one, row in zip(ids, rows, strict=True))
