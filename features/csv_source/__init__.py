"""Reading historical CSV files in whatever state of repair: transactions, outcomes, IP tables."""

from features.csv_source.findings import LineCode, Reject, Repair
from features.csv_source.header import IP_TABLE, OUTCOMES, detect_kind
from features.csv_source.ip_ranges import IpRange, IpRanges, read_ip_ranges
from features.csv_source.outcomes import Outcomes, read_outcomes
from features.csv_source.report import CsvReport
from features.csv_source.transactions import CsvData, read_transactions

__all__ = [
    "IP_TABLE",
    "OUTCOMES",
    "CsvData",
    "CsvReport",
    "IpRange",
    "IpRanges",
    "LineCode",
    "Outcomes",
    "Reject",
    "Repair",
    "detect_kind",
    "read_ip_ranges",
    "read_outcomes",
    "read_transactions",
]
