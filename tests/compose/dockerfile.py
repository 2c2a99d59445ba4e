"""The ``Dockerfile`` as a test reads it: stages with their instructions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from tests.stream.forked import ROOT

DOCKERFILE = ROOT / "Dockerfile"


@dataclass
class Stage:
    """One ``FROM`` and what follows it.

    Attributes:
        name: of the stage.
        base: what it begins with: an image, or another stage.
        instructions: (instruction, arguments), in order.
    """

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """Arguments of each instruction of a kind."""
        return [arguments for name, arguments in self.instructions if name == instruction]


def stages() -> dict[str, Stage]:
    """Name → stage, in order."""
    found: dict[str, Stage] = {}
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text("utf-8"), flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        instruction, _, arguments = line.strip().partition(" ")
        if instruction == "FROM":
            base, _, name = arguments.partition(" AS ")
            stage = found[name] = Stage(name, base)
        else:
            stage.instructions.append((instruction, " ".join(arguments.split())))
    return found


def lineage(name: str) -> list[Stage]:
    """A stage behind those that it is built on, the first of them first."""
    every = stages()
    chain = [every[name]]
    while chain[0].base in every:
        chain.insert(0, every[chain[0].base])
    return chain


def last(name: str, instruction: str) -> str:
    """What holds in the end of an instruction of which the last one counts."""
    return [arguments for stage in lineage(name) for arguments in stage.all(instruction)][-1]


def environment(name: str) -> dict[str, str]:
    """The environment that an image sets, but for PATH."""
    pairs = [
        word.partition("=")
        for stage in lineage(name)
        for arguments in stage.all("ENV")
        for word in arguments.split()
    ]
    return {key: value for key, _, value in pairs if key != "PATH"}


def sources(stage: Stage) -> list[str]:
    """What a stage copies from the checkout."""
    copied = [words.split() for words in stage.all("COPY") if not words.startswith("--from")]
    return [source for words in copied for source in words[:-1]]


def entry_point(name: str) -> list[str]:
    """The words that an image's program begins with."""
    words: list[str] = json.loads(last(name, "ENTRYPOINT"))
    return words
