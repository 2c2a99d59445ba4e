"""``docker-compose.yml``: valid, exact, closed to the outside, and about things that exist."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from core.names import DLQ_MAX_MESSAGE_BYTES
from core.settings import Settings
from tests.compose.compose_file import (
    COMPOSE,
    ENV_EXAMPLE,
    Service,
    bind_mounts,
    environment,
    example_settings,
    loaded,
    named_volumes,
    published,
    services,
    variables,
)
from tests.stream.forked import ROOT

SERVICES = services()
FILLED = services({"GRAFANA_ADMIN_PASSWORD": "chosen"})
#: They do one thing and end; all others stay.
ONE_SHOT = {"sample", "train", "replay", "check"}
#: Read by Compose itself.
OF_COMPOSE = {"COMPOSE_PROFILES"}

PUBLISHED = {"kafka", "redis", "views", "prometheus", "alertmanager", "grafana"}
each_service = pytest.mark.parametrize("name", SERVICES)


def test_it_fits_the_compose_specification() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for document in (loaded(), loaded({})):
        assert [error.message for error in validator.iter_errors(document)] == []
    spoilt = loaded()
    spoilt["services"]["kafka"]["imgae"] = "apache/kafka"
    assert not validator.is_valid(spoilt)


def test_all_parts_of_the_product_are_there() -> None:
    assert set(SERVICES) == ONE_SHOT | {
        "kafka", "redis", "worker", "views", "prometheus", "alertmanager", "grafana",
    }  # fmt: skip


@each_service
def test_its_image_is_an_exact_version(name: str) -> None:
    image = SERVICES[name]["image"]
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+(-[a-z]+)?", image), image


def test_kafka_is_the_version_of_the_local_stack() -> None:
    lock = json.loads((ROOT / "stack" / "kafka.lock.json").read_text("utf-8"))
    (version,) = {root.split(":")[2] for root in lock["roots"] if "kafka_2.13" in root}
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version}"


def test_images_of_ours_carry_the_project_s_version_and_are_built_once_each() -> None:
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    ours = {name: one for name, one in SERVICES.items() if one["image"].startswith("fraudstream-")}
    assert set(ours) == ONE_SHOT | {"worker", "views"}
    assert {one["image"].split(":")[1] for one in ours.values()} == {version[1]}
    # A registry has something else by that name, if anything.
    assert {one["pull_policy"] for one in ours.values()} == {"never"}
    built = {one["image"]: one["build"]["target"] for one in ours.values() if "build" in one}
    assert {image: f"fraudstream-{target}:{version[1]}" for image, target in built.items()} == {
        image: image for image in {one["image"] for one in ours.values()}
    }
    assert len([one for one in ours.values() if "build" in one]) == len(built)


@each_service
def test_it_gains_no_rights_and_writes_into_its_volumes_alone(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "container_name"} & set(service)
    assert all(volume.endswith(":ro") for volume in service["volumes"] if volume[0] == ".")


@each_service
def test_it_is_limited(name: str) -> None:
    service = SERVICES[name]
    limits = service["deploy"]["resources"]["limits"]
    assert 0 < float(limits["cpus"]) <= 2  # Docker refuses more than the machine has
    assert re.fullmatch(r"\d+[mg]", limits["memory"])
    assert limits["pids"] <= 512
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert re.fullmatch(r"\d+s", service["stop_grace_period"])


@each_service
def test_it_ends_by_itself_or_its_health_is_watched(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOT:
        assert "restart" not in service
        assert "healthcheck" not in service
        return
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} < set(service["healthcheck"])


@each_service
def test_it_waits_for_health_or_for_an_end_that_comes(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert how["condition"] == expected, other
        mine, theirs = profiles(SERVICES[name]), profiles(SERVICES[other])
        # What a profile brings is not there without it.
        assert how.get("required", True) is (not theirs or (bool(mine) and mine <= theirs)), other


def profiles(service: Service) -> set[str]:
    return set(service.get("profiles", []))


def test_profiles_are_those_of_the_docs() -> None:
    assert {name: profiles(one) for name, one in SERVICES.items() if profiles(one)} == {
        "sample": {"demo", "test"},
        "train": {"demo", "test"},
        "replay": {"demo", "test"},
        "check": {"test"},
    }


@each_service
def test_ports_are_published_on_loopback_alone(name: str) -> None:
    ports = published(FILLED[name])
    assert {port.address for port in ports} <= {"127.0.0.1"}
    assert bool(ports) == (name in PUBLISHED)


def test_published_ports_are_different() -> None:
    ports = [port.host_port for one in FILLED.values() for port in published(one)]
    assert len(set(ports)) == len(ports)


@each_service
def test_files_that_it_mounts_are_in_the_repository(name: str) -> None:
    mounts = bind_mounts(SERVICES[name])
    for path in mounts:
        assert path.exists(), path
        assert path.is_file() or any(path.iterdir()), path
    assert bool(mounts) == (name in {"kafka", "prometheus", "alertmanager", "grafana"})


@each_service
def test_settings_of_ours_exist(name: str) -> None:
    known = {f"FRAUDSTREAM_{field.upper()}" for field in Settings.model_fields}
    used = {key for key in environment(SERVICES[name]) if key.startswith("FRAUDSTREAM_")}
    assert used <= known
    assert bool(used) == SERVICES[name]["image"].startswith("fraudstream-")


def test_volumes_and_networks_are_declared_and_used() -> None:
    document = loaded()
    used: dict[str, set[str]] = {"volumes": set(), "networks": set()}
    for service in SERVICES.values():
        used["volumes"] |= set(named_volumes(service))
        used["networks"] |= set(service["networks"])
    assert {key: set(document[key]) for key in used} == used


def test_those_that_look_on_reach_neither_kafka_nor_redis() -> None:
    shared = {
        name: set(SERVICES[name]["networks"]) & set(SERVICES["kafka"]["networks"])
        for name in ("prometheus", "alertmanager", "grafana")
    }
    assert not any(shared.values()), shared
    for name in ("worker", "views"):
        assert set(SERVICES[name]["networks"]) == {"data", "watch"}


def test_example_names_exactly_the_variables_that_are_used() -> None:
    used = variables(COMPOSE.read_text("utf-8"))
    example = example_settings()
    assert set(example) - OF_COMPOSE == set(used)
    assert set(example) >= OF_COMPOSE
    for name, default in used.items():
        assert example[name] in {"", default}, name


def test_example_holds_no_secret_and_its_copy_stays_out_of_git_and_the_image() -> None:
    secrets = [name for name in example_settings() if name.endswith(("PASSWORD", "TOKEN"))]
    assert len(secrets) == 3
    assert {example_settings()[name] for name in secrets} == {""}
    assert ".env" in (ROOT / ".gitignore").read_text().split()
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
    assert ENV_EXAMPLE.name != ".env"


def test_passwords_are_written_nowhere() -> None:
    text = COMPOSE.read_text("utf-8")
    for line in re.findall(r"^.*(?:PASSWORD|TOKEN|AUTH|requirepass).*$", text, re.MULTILINE):
        value = line.partition(": ")[2]
        named = value in {"VIEWS_TOKEN"}  # the variable of a secret
        allowed = named or "ANONYMOUS" in line or value.startswith(("${", "redis://:${"))
        assert not value or allowed, line


def test_the_worker_s_port_is_reached_by_prometheus_and_by_nobody_outside() -> None:
    worker = environment(FILLED["worker"])
    assert worker["FRAUDSTREAM_METRICS_HOST"] == "0.0.0.0"  # noqa: S104
    assert SERVICES["worker"]["expose"] == [worker["FRAUDSTREAM_METRICS_PORT"]]
    config = yaml.safe_load((ROOT / "prometheus" / "compose.yml").read_text("utf-8"))
    found: list[Any] = [
        one for job in config["scrape_configs"] for one in job.get("dns_sd_configs", [])
    ]
    assert [(one["names"], one["type"], str(one["port"])) for one in found] == [
        (["worker"], "A", worker["FRAUDSTREAM_METRICS_PORT"])
    ]
    targets = config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert targets == ["alertmanager:9093"]


def test_the_views_ask_prometheus_for_their_token() -> None:
    views = environment(FILLED["views"])
    assert views["FRAUDSTREAM_VIEWS_HOST"] == "0.0.0.0"  # noqa: S104
    (port,) = published(FILLED["views"])
    assert port.port == views["FRAUDSTREAM_VIEWS_PORT"]
    config = yaml.safe_load((ROOT / "prometheus" / "compose.yml").read_text("utf-8"))
    (job,) = [one for one in config["scrape_configs"] if one["job_name"] == "fraudstream-views"]
    assert job["static_configs"] == [{"targets": [f"views:{views['FRAUDSTREAM_VIEWS_PORT']}"]}]
    (secret,) = SERVICES["prometheus"]["secrets"]
    assert job["authorization"] == {"credentials_file": f"/run/secrets/{secret}"}
    variable = loaded({})["secrets"][secret]["environment"]
    assert variable in variables(SERVICES["views"]["environment"]["FRAUDSTREAM_VIEWS_TOKEN"])


def test_grafana_lets_everybody_look_and_nobody_else_in() -> None:
    grafana = environment(FILLED["grafana"])
    assert grafana["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert grafana["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert grafana["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert grafana["GF_SECURITY_ADMIN_PASSWORD"] == "chosen"


def test_grafana_finds_what_it_is_provisioned_with() -> None:
    files = sorted((ROOT / "grafana" / "provisioning").rglob("*.yml"))
    asked = {name for file in files for name in variables(file.read_text("utf-8"))}
    given = environment(FILLED["grafana"])
    assert asked <= set(given)
    assert {name: given[name] for name in asked} == {
        "PROMETHEUS_URL": "http://prometheus:9090",
        "ALERTMANAGER_URL": "http://alertmanager:9093",
    }
    folders = {
        provider["options"]["path"]
        for file in files
        for provider in yaml.safe_load(file.read_text("utf-8")).get("providers", [])
    }
    assert folders == {"/etc/grafana/dashboards"}
    assert {"./grafana/dashboards:/etc/grafana/dashboards:ro"} < set(FILLED["grafana"]["volumes"])


def test_kafka_takes_what_the_dead_letter_topic_needs_and_keeps_it_in_the_volume() -> None:
    kafka = environment(FILLED["kafka"])
    assert kafka["KAFKA_MESSAGE_MAX_BYTES"] == str(DLQ_MAX_MESSAGE_BYTES)
    assert f"kafka:{kafka['KAFKA_LOG_DIRS']}" in SERVICES["kafka"]["volumes"]
    assert kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_redis_keeps_what_it_has_and_drops_nothing() -> None:
    words = FILLED["redis"]["command"]
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert f"redis:{options['--dir']}" in SERVICES["redis"]["volumes"]


def test_prometheus_keeps_old_history_and_is_not_steered_over_the_network() -> None:
    words = " ".join(FILLED["prometheus"]["command"])
    assert "--storage.tsdb.retention.time=20y" in words
    assert "lifecycle" not in words
    assert "admin-api" not in words


def test_the_docs_name_every_service_and_the_ports_that_are_published() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    section = page.partition("## With Docker\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:4] for line in section.splitlines() if line.startswith("| `")]
    told = {
        name: ports.strip()
        for names, _, ports in rows
        for name in re.findall(r"`(\w+)`", names)
        if name in SERVICES
    }
    assert set(told) == set(SERVICES)
    for name, service in FILLED.items():
        for port in published(service):
            assert port.host_port in told[name], name


def has_compose() -> bool:
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return asked.returncode == 0


@pytest.mark.skipif(not has_compose(), reason="no `docker` with its `compose` plugin on PATH")
@pytest.mark.parametrize("profile", ["", "demo", "test"])
def test_docker_compose_finds_nothing_wrong(profile: str) -> None:
    checked = subprocess.run(
        ["docker", "compose", "--env-file", str(ENV_EXAMPLE), "config", "--quiet"],
        cwd=ROOT,
        env={**os.environ, "GRAFANA_ADMIN_PASSWORD": "chosen", "COMPOSE_PROFILES": profile},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert checked.stderr == ""
