"""Historical transactions from a CSV file, in whatever state of repair, as one batch.

Promise: every data line is an accepted event or a reject with its reason; accepted events pass
the rules for messages from Kafka, so that what can be read can also be replayed. Two files that
differ only in how they write the same values give the same batch, but for the ids of events,
which hold the hash of the file. Steps:

1. the header says which kind of file it is and where the columns are;
2. page by page, texts become values; rows with a bad value are set aside;
3. at the end, when the whole file was seen, dates become times, ids are given, and events that
   claim the id of another one are set aside.

A sign-up after the purchase is kept: clocks and zones of two systems differ, and the feature
``seconds_since_signup`` shows it. Repeated rows are kept too; whoever trains on them drops them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import RejectedEvent
from core.names import RejectCode
from features.batch import EventBatch, order_keys
from features.csv_source import cells
from features.csv_source.cells import Sheet
from features.csv_source.events import Columns
from features.csv_source.header import IP_TABLE
from features.csv_source.moments import Moments
from features.csv_source.report import CsvReport
"""
