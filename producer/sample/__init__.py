"""Synthetic transactions: seeded, of any size, with known fraud. Never real people or payments."""

from producer.sample.options import Mechanism, SampleOptions, SampleSummary
from producer.sample.write import write_sample

__all__ = ["Mechanism", "SampleOptions", "SampleSummary", "write_sample"]
