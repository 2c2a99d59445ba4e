"""Which Maven artefacts make a Kafka broker, with their digests; and how to resolve them anew.

``python -m stack.lock`` writes ``stack/kafka.lock.json``. Nothing is loaded whose SHA-256 differs
from the one in that file.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import msgspec

LOCK_FILE = Path(__file__).with_name("kafka.lock.json")

KAFKA = "4.1.1"
_ROOTS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA}",
    f"org.apache.kafka:kafka-server:{KAFKA}",
    # Named, because the resolver would otherwise take an older one from a nested bill of materials.
    f"org.apache.kafka:kafka-clients:{KAFKA}",
    "org.apache.logging.log4j:log4j-core:2.25.2",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.2",
)


class Artefact(msgspec.Struct, frozen=True):
    """One jar."""

    group: str
    name: str
    version: str
    sha256: str
    size: int

    def __str__(self) -> str:
        return f"{self.group}:{self.name}:{self.version}"


def read_lock(path: Path = LOCK_FILE) -> list[Artefact]:
    """The pinned artefacts, in the order of the class path."""
    return msgspec.json.decode(path.read_bytes(), type=list[Artefact])


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolve() -> list[Artefact]:
    """Resolve the roots and everything they need, as of today."""
    import jgo

    found = []
    for artifact in jgo.resolve("+".join(_ROOTS)):
        path = Path(artifact.resolve())
        found.append(
            Artefact(
                artifact.groupId,
                artifact.artifactId,
                artifact.version,
                sha256(path),
                path.stat().st_size,
            )
        )
    return found


def main() -> None:
    """Write the lock file."""
    content = msgspec.json.format(msgspec.json.encode(resolve()), indent=1)
    LOCK_FILE.write_bytes(content + b"\n")
    sys.stderr.write(f"wrote {LOCK_FILE.name}\n")


if __name__ == "__main__":
    main()
