"""What an image holds, put together outside of Docker: the project and the packages of its lock.

1. What the Dockerfile copies is copied, and installed from there: a package or file that it
   forgets, or that the wheel lacks, is missing here as well.
2. Beside it stand the packages that the image's lock names, and no others: links into the
   environment that the tests run in.
3. Programs run without that environment's ``site``, so that its editable install of the checkout
   is not seen; without capabilities, where Linux lets them be dropped; and with the environment
   that the image and the service set.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from tests.compose import dockerfile
from tests.compose.compose_file import Service, arguments, environment
from tests.compose.locks import names_here
from tests.stream.forked import ROOT

#: Image → lock of what is in it.
LOCKS = {"worker": "requirements-worker.txt", "tools": "requirements.txt"}
#: It builds, and is taken out of the images again.
_BUILDS = "setuptools"


def image_of(service: Service) -> str:
    """The stage of the Dockerfile that a service of ours runs."""
    return str(service["image"]).removeprefix("fraudstream-").split(":")[0]


@dataclass(frozen=True, slots=True)
class Image:
    """An image's packages and program in a folder."""

    name: str
    folder: Path

    @property
    def program(self) -> list[str]:
        """The words that Docker would begin with."""
        (script,) = dockerfile.entry_point(self.name)
        return [*_without_rights(), sys.executable, "-S", str(self.folder / "own" / "bin" / script)]

    def environment(self, service: Service, places: Mapping[str, str]) -> dict[str, str]:
        """What a service's process would find set, with names of places put in others' stead."""
        inside = {**dockerfile.environment(self.name), **environment(service)}
        return {
            "PATH": os.defpath,
            "PYTHONPATH": os.pathsep.join(str(self.folder / part) for part in ("own", "locked")),
            **{name: replaced(value, places) for name, value in inside.items()},
        }


def install(name: str, folder: Path) -> Image:
    """Put an image together in ``folder``."""
    source = folder / "source"
    source.mkdir(parents=True)
    for path in dockerfile.sources(dockerfile.stages()["package"]):
        if (ROOT / path).is_dir():
            shutil.copytree(
                ROOT / path, source / path, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / path, source)
    installed = subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--no-build-isolation", "--no-index",
            "--target", str(folder / "own"), str(source),
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stderr
    shutil.rmtree(source)
    _link(folder / "locked", names_here(ROOT / LOCKS[name]))
    return Image(name, folder)


def command(service: Service, places: Mapping[str, str]) -> list[str]:
    """A service's arguments, with names of places put in others' stead."""
    return [replaced(word, places) for word in arguments(service)]


def replaced(text: str, places: Mapping[str, str]) -> str:
    """``text`` with what is called so in a container called as it is here."""
    inside = re.compile("|".join(map(re.escape, places)) or r"(?!)")
    return inside.sub(lambda found: places[found[0]], text)


def _link(folder: Path, names: Sequence[str]) -> None:
    folder.mkdir()
    for name in names:
        if name == _BUILDS:
            continue
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            place = folder / top
            if top != "__pycache__" and not place.is_symlink():
                place.symlink_to(Path(str(found.locate_file(top))))


def _without_rights() -> list[str]:
    """What makes of root one without rights, as ``cap_drop`` and ``no-new-privileges`` do."""
    if shutil.which("setpriv") is None:
        return []
    dropped = ["--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []
    return ["setpriv", "--no-new-privs", *dropped]
