"""What Grafana reads when it starts fits what the dashboards ask for."""

from __future__ import annotations

from typing import Any

import yaml

from grafana.expressions import DASHBOARDS, dashboards
from tests.stream.forked import ROOT

FOLDER = DASHBOARDS.parent / "provisioning"


def provisioned(kind: str) -> list[dict[str, Any]]:
    files = [
        yaml.safe_load(path.read_text("utf-8")) for path in sorted((FOLDER / kind).glob("*.yml"))
    ]
    assert all(one["apiVersion"] == 1 for one in files)
    return files


def test_data_sources_are_named_once_and_take_their_address_from_the_environment() -> None:
    (file,) = provisioned("datasources")
    found = {one["uid"]: one for one in file["datasources"]}
    assert {uid: one["type"] for uid, one in found.items()} == {
        "prometheus": "prometheus",
        "prometheus-history": "prometheus",
        "alertmanager": "alertmanager",
    }
    assert [one["uid"] for one in found.values() if one.get("isDefault")] == ["prometheus"]
    assert found["prometheus"]["url"] == found["prometheus-history"]["url"] == "${PROMETHEUS_URL}"
    assert found["alertmanager"]["url"] == "${ALERTMANAGER_URL}"
    scraped = yaml.safe_load((ROOT / "prometheus/compose.yml").read_text())["global"]
    assert found["prometheus"]["jsonData"]["timeInterval"] == scraped["scrape_interval"]
    assert found["prometheus-history"]["jsonData"]["timeInterval"] == "5m"
    assert not any(one["editable"] for one in found.values())


def test_dashboards_choose_among_the_provisioned_kinds() -> None:
    (file,) = provisioned("datasources")
    kinds = {one["type"] for one in file["datasources"]}
    for dashboard in dashboards().values():
        (source,) = (one for one in dashboard["templating"]["list"] if one["type"] == "datasource")
        assert source["query"] in kinds


def test_dashboards_are_read_from_one_folder_and_stay_as_they_are() -> None:
    (file,) = provisioned("dashboards")
    (provider,) = file["providers"]
    assert provider["folder"] == "Fraudstream"
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is True
    assert provider["options"]["path"] == "/etc/grafana/dashboards"


def test_alert_rules_are_in_prometheus_alone() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == ["dashboards", "datasources"]
