"""Versions never change, pointers name whole versions, nothing damaged is used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from core.errors import ConfigError, ModelError
from core.names import Role
from model.metadata import METADATA_SCHEMA, decode_metadata, encode_metadata
from model.registry import DIGESTS_FILE, METADATA_FILE, ModelVersion, Registry

PROFILE = "ecommerce"


def files_of(trained: ModelVersion, version: str) -> dict[str, bytes]:
    """The files of the trained version under another name."""
    files = {name: trained.read(name) for name in trained.digests}
    metadata = msgspec.structs.replace(trained.metadata, version=version)
    return {**files, METADATA_FILE: encode_metadata(metadata)}


def add(registry: Registry, trained: ModelVersion) -> str:
    return registry.add(PROFILE, lambda version: files_of(trained, version))


def test_an_empty_registry_has_no_versions_and_says_how_to_make_one(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "none")
    assert registry.versions(PROFILE) == []
    assert registry.pointer(PROFILE) is None
    with pytest.raises(ModelError, match=r"fraudstream train CSV --profile ecommerce"):
        registry.load(PROFILE)


def test_versions_are_numbered_and_listed_as_numbers(
    registry: Registry, trained: ModelVersion
) -> None:
    added = [add(registry, trained) for _ in range(10)]
    assert added[-1] == "v11"
    assert registry.versions(PROFILE) == [f"v{n}" for n in range(1, 12)]


def test_a_version_comes_back_as_it_was_added(registry: Registry, trained: ModelVersion) -> None:
    found = registry.load(PROFILE, add(registry, trained))
    assert found.metadata == msgspec.structs.replace(trained.metadata, version="v2")
    assert found.evaluation() == trained.evaluation()
    assert found.read("model.onnx") == trained.read("model.onnx")
    assert set(found.digests) == set(trained.digests)


def test_the_profiles_of_a_registry_are_apart(registry: Registry) -> None:
    assert registry.versions("banking") == []
    with pytest.raises(ConfigError, match="profile 'other' is unknown"):
        registry.versions("other")


@pytest.mark.parametrize("name", ["model.onnx", "metadata.json", "evaluation.json", "card.md"])
def test_a_changed_file_is_refused_before_anything_is_read(registry: Registry, name: str) -> None:
    path = registry.root / PROFILE / "v1" / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError, match=rf"{name}.*changed or damaged.*fraudstream train CSV"):
        registry.load(PROFILE, "v1")


@pytest.mark.parametrize("name", ["model.onnx", "plots/calibration.png", DIGESTS_FILE])
def test_a_missing_file_is_named(registry: Registry, name: str) -> None:
    (registry.root / PROFILE / "v1" / name).unlink()
    with pytest.raises(ModelError, match=name):
        registry.load(PROFILE, "v1")


@pytest.mark.parametrize(
    "line", ["nonsense", "0" * 64 + "  ../../secret", "0" * 64 + "  /etc/passwd"]
)
def test_a_list_of_digests_that_is_none_is_refused(registry: Registry, line: str) -> None:
    with (registry.root / PROFILE / "v1" / DIGESTS_FILE).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ModelError, match="cannot be read"):
        registry.load(PROFILE, "v1")


def test_a_version_that_was_changed_after_loading_is_not_read(registry: Registry) -> None:
    version = registry.load(PROFILE, "v1")
    (version.path / "model.onnx").write_bytes(b"other")
    with pytest.raises(ModelError, match="changed or damaged"):
        version.read("model.onnx")


def test_a_copy_under_another_name_is_refused(registry: Registry) -> None:
    folder = registry.root / PROFILE
    os.rename(folder / "v1", folder / "v7")
    with pytest.raises(ModelError, match="belongs to ecommerce v1"):
        registry.load(PROFILE, "v7")


@pytest.mark.parametrize("name", ["v9", "../ecommerce/v1", "champion", ""])
def test_promoting_what_is_not_there_changes_nothing(registry: Registry, name: str) -> None:
    registry.promote(PROFILE, "v1")
    with pytest.raises(ModelError, match="is not under"):
        registry.promote(PROFILE, name)
    assert registry.pointer(PROFILE) == "v1"


def test_rollback_goes_back_through_the_champions(
    registry: Registry, trained: ModelVersion
) -> None:
    for version in ("v1", add(registry, trained), add(registry, trained)):
        registry.promote(PROFILE, version)
    assert registry.load(PROFILE).metadata.version == "v3"
    assert [registry.rollback(PROFILE), registry.rollback(PROFILE)] == ["v2", "v1"]
    with pytest.raises(ModelError, match="no champion was in use before v1"):
        registry.rollback(PROFILE)
    assert registry.pointer(PROFILE) == "v1"


def test_promoting_the_champion_again_leaves_rollback_as_it_was(
    registry: Registry, trained: ModelVersion
) -> None:
    for version in ("v1", add(registry, trained), "v2"):
        registry.promote(PROFILE, version)
    assert registry.rollback(PROFILE) == "v1"


def test_roles_have_pointers_of_their_own(registry: Registry) -> None:
    registry.promote(PROFILE, "v1", role="challenger")
    assert registry.pointer(PROFILE, "challenger") == "v1"
    assert registry.pointer(PROFILE) is None


def test_a_damaged_version_is_neither_promoted_nor_rolled_back_to(
    registry: Registry, trained: ModelVersion
) -> None:
    registry.promote(PROFILE, "v1")
    registry.promote(PROFILE, add(registry, trained))
    (registry.root / PROFILE / "v1" / "model.onnx").write_bytes(b"")
    with pytest.raises(ModelError):
        registry.rollback(PROFILE)
    with pytest.raises(ModelError):
        registry.promote(PROFILE, "v1")
    assert registry.pointer(PROFILE) == "v2"


def test_a_pointer_that_is_no_version_is_named(registry: Registry) -> None:
    (registry.root / PROFILE / "champion").write_text("<html>")
    with pytest.raises(ModelError, match=r"champion: '<html>' is not a version"):
        registry.load(PROFILE)


def test_a_pointer_is_replaced_in_one_step(
    registry: Registry, trained: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.promote(PROFILE, "v1")
    second = add(registry, trained)

    def interrupted(source: object, target: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        registry.promote(PROFILE, second)
    assert registry.pointer(PROFILE) == "v1"
    assert not list((registry.root / PROFILE).glob(".*"))


def test_an_addition_that_fails_leaves_nothing(
    registry: Registry, trained: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match=r"No space left on device.*FRAUDSTREAM_MODELS"):
        add(registry, trained)
    assert registry.versions(PROFILE) == ["v1"]
    assert not list((registry.root / PROFILE).glob(".*"))


def test_two_additions_at_once_get_two_names(registry: Registry, trained: ModelVersion) -> None:
    asked: list[str] = []

    def build(version: str) -> Mapping[str, bytes]:
        asked.append(version)
        if len(asked) == 1:
            assert add(registry, trained) == "v2"  # another process is faster
        return files_of(trained, version)

    assert registry.add(PROFILE, build) == "v3"
    assert asked == ["v2", "v3"]
    assert registry.load(PROFILE, "v3").metadata.version == "v3"


def test_metadata_of_a_newer_program_is_refused(trained: ModelVersion) -> None:
    newer = msgspec.structs.replace(trained.metadata, schema=METADATA_SCHEMA + 1)
    with pytest.raises(ModelError, match=f"schema {METADATA_SCHEMA + 1} is newer"):
        decode_metadata(encode_metadata(newer), "metadata.json")


def test_metadata_survive_writing_and_reading(trained: ModelVersion) -> None:
    raw = encode_metadata(trained.metadata)
    assert decode_metadata(raw, "metadata.json") == trained.metadata
    with pytest.raises(ModelError, match=r"metadata.json.*fraudstream train CSV"):
        decode_metadata(raw.replace(b'"review"', b'"reviewed"', 1), "metadata.json")


def test_the_challenger_is_never_the_champion(registry: Registry, trained: ModelVersion) -> None:
    registry.promote(PROFILE, "v1")
    with pytest.raises(ModelError, match="v1 is the champion, it cannot challenge itself"):
        registry.promote(PROFILE, "v1", Role.CHALLENGER)
    second, third = add(registry, trained), add(registry, trained)
    registry.promote(PROFILE, second, Role.CHALLENGER)
    registry.promote(PROFILE, third)
    assert registry.pointer(PROFILE, Role.CHALLENGER) == second
    registry.promote(PROFILE, second)
    assert registry.pointer(PROFILE, Role.CHALLENGER) is None
    registry.promote(PROFILE, third, Role.CHALLENGER)
    assert registry.rollback(PROFILE) == third
    assert registry.pointer(PROFILE, Role.CHALLENGER) is None


def test_a_challenge_is_ended_once(registry: Registry, trained: ModelVersion) -> None:
    registry.promote(PROFILE, "v1")
    registry.promote(PROFILE, add(registry, trained), Role.CHALLENGER)
    assert registry.retire(PROFILE) == "v2"
    assert registry.retire(PROFILE) is None
    assert registry.pointer(PROFILE) == "v1"


def test_of_many_who_take_a_champion_back_exactly_one_does(
    registry: Registry, trained: ModelVersion
) -> None:
    for version in ("v1", add(registry, trained), add(registry, trained)):
        registry.promote(PROFILE, version)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: registry.take_back(PROFILE, "v3"), range(24)))
    assert sorted(filter(None, found)) == ["v2"]
    assert registry.history(PROFILE) == ["v2", "v1"]


def test_what_is_champion_no_longer_is_not_taken_back(
    registry: Registry, trained: ModelVersion
) -> None:
    registry.promote(PROFILE, "v1")
    registry.promote(PROFILE, add(registry, trained))
    assert registry.take_back(PROFILE, "v1") is None
    assert registry.history(PROFILE) == ["v2", "v1"]


def test_pointers_change_one_after_another(registry: Registry, trained: ModelVersion) -> None:
    versions = [add(registry, trained) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda version: registry.promote(PROFILE, version), versions))
    assert sorted(registry.history(PROFILE)) == sorted(versions)
