"""A banking file, shown: its events say no country, browser, device, age or sex."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from cli.views_file import shown_events
from core.settings import Settings, load_settings
from features.batch import EventBatch
from features.countries import load_country_table
from features.csv_source import read_transactions
from features.known import country_codes
from producer.sample import SampleOptions, write_sample
from stream.offline_scores import as_replayed
from tests.stream.conftest import put_small_model
from views.file.frame import Events, FrameStore
from views.predicting.past import FilePast
from views.predicting.predict import Predictor

_KEPT = ("Time", *(f"V{number}" for number in range(1, 29)), "Amount", "Class")


@dataclass
class Bank:
    """The file, its scores, and what ``/predict`` knows of it."""

    settings: Settings
    batch: EventBatch  #: in the order of ``events``
    events: Events
    store: FrameStore
    predictor: Predictor


def bank(folder: Path, rows: int = 600) -> Bank:
    """A generated file with the columns of ``creditcard.csv``, scored by the small champion."""
    path = folder / "creditcard.csv"
    plain = folder / "plain.csv"
    write_sample(plain, SampleOptions(profile="banking", rows=rows, fraud_rate=0.2, days=2))
    with plain.open(newline="") as source, path.open("w", newline="") as target:
        writer = csv.DictWriter(target, _KEPT, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(csv.DictReader(source))
    settings = load_settings(models=folder / "models", profile="banking")
    put_small_model(settings)
    countries = load_country_table(settings.ip_table)
    data = read_transactions(path, rejects=folder / "rejects.csv")
    shown = shown_events(data, settings, countries, lambda done, total: None)
    batch = data.batch.take(as_replayed(data.batch))
    past = FilePast(batch, country_codes(batch, countries))
    predictor = Predictor(settings, countries, past)
    return Bank(settings, batch, shown.events, FrameStore(shown.events, shown.name), predictor)
