"""``python -m stack.lock [GROUP:ARTIFACT:VERSION …]``: write ``kafka.lock.json`` anew.

For those who maintain the local stack; needs ``mvn``. Without arguments the roots of the present
lock file are resolved again; with arguments these become the roots. Maven checks what it downloads
against the checksums of the repository; the SHA-256 of that goes into the lock file, and from then
on nothing else is accepted.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from pathlib import Path

from core.errors import ConfigError, StackError
from stack.artefacts import LOCK_FILE, Artefact, FetchError, Lock
from stack.clients import copy_with_mvn

_COORDINATE = re.compile(r"[\w.-]+:[\w.-]+:[\w.-]+")


def resolve(roots: tuple[str, ...]) -> Lock:
    """Everything that ``roots`` (``group:artifact:version``) need at run time, with digests.

    Raises:
        ConfigError: a root is not a coordinate.
        StackError: Maven is missing or cannot resolve them.
    """
    for root in roots:
        if not _COORDINATE.fullmatch(root):
            raise ConfigError(f"{root!r} is not a coordinate: expected group:artifact:version")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            copy_with_mvn(roots, folder, deep=True)
        except FetchError as error:
            raise StackError(f"cannot resolve {', '.join(roots)}: {error}") from None
        return Lock(roots, tuple(_artefact(path, folder) for path in sorted(folder.rglob("*.jar"))))


def _artefact(path: Path, folder: Path) -> Artefact:
    # Copied in repository layout: org/apache/kafka/kafka-clients/4.3.1/kafka-clients-4.3.1.jar
    *group, artifact, version, name = path.relative_to(folder).parts
    if name != f"{artifact}-{version}.jar":
        raise StackError(f"{name} is not a plain jar of {artifact} {version}: exclude it")
    content = path.read_bytes()
    return Artefact(
        ".".join(group), artifact, version, hashlib.sha256(content).hexdigest(), len(content)
    )


def main(arguments: list[str]) -> int:
    """Resolve, write, and say what came out."""
    try:
        lock = resolve(tuple(arguments) or Lock.read().roots)
    except (ConfigError, StackError) as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    lock.write()
    size = sum(artefact.size for artefact in lock.artefacts)
    sys.stdout.write(f"{LOCK_FILE}: {len(lock.artefacts)} jars, {size / 1e6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
