"""Reading historical CSV files, transactions and IP tables, in whatever state of repair."""

from features.csv_source.findings import LineCode, Reject, Repair
from features.csv_source.header import IP_TABLE, detect_kind
from features.csv_source.ip_ranges import IpRange, IpRanges, read_ip_ranges
from features.csv_source.report import CsvReport
from features.csv_source.transactions import CsvData, read_transactions

__all__ = [
    "IP_TABLE",
    "CsvData",
    "CsvReport",
    "IpRange",
    "IpRanges",
    "LineCode",
    "Reject",
    "Repair",
    "detect_kind",
    "read_ip_ranges",
    "read_transactions",
]
