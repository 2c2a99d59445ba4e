"""Dashboards as code: what Grafana shows is written here and built into ``dashboards/*.json``."""
