"""From a file to numbered lines of text, whatever it was saved with.

Promise: the lines, joined, are the file's text; nothing is held in memory but a few blocks. Steps:

1. gzip is recognised by its first bytes and undone; the bytes are hashed as they come;
2. a byte order mark chooses UTF-8 or UTF-16; without one the text is UTF-8;
3. lines end with LF, CRLF or CR; they keep their ends, so that a cut last line can be told;
4. a line that is not UTF-8 is read as Windows-1252 and counted.
"""

from __future__ import annotations

import codecs
import hashlib
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from core.errors import ConfigError, DataError
from features.csv_source.findings import Findings, Repair

_BLOCK = 1 << 22
#: No line of the known kinds of file is anywhere near this long.
_LONGEST_LINE = 1 << 23
_GZIP = b"\x1f\x8b"
#: First bytes of what people take for a CSV file.
_NOT_TEXT = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet",
    b"PAR1": "a Parquet file",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
}

Progress = Callable[[int, int], None]


class Lines:
    """Iterates over blocks of lines of one file; what it learns on the way is in its attributes.

    Args:
        path: the file, plain or gzip.
        findings: takes repairs and warnings.
        progress: called with (bytes of the file read, bytes of the file) after each block.

    Attributes:
        compressed: whether the file is gzip.
        encoding: name of the encoding found.
        cut: whether the gzip stream breaks off before its end.
        ended: whether the last line so far has a line end.
        sha256: hash of the decompressed bytes read so far.
        size: their number.

    Raises:
        ConfigError: there is no such file, or it may not be read.
        DataError: while iterating: damaged gzip, or no text.
    """

    def __init__(self, path: Path, findings: Findings, progress: Progress | None = None) -> None:
        self.path = path
        self.compressed = False
        self.encoding = "utf-8"
        self.cut = False
        self.ended = True
        self.sha256 = hashlib.sha256()
        self.size = 0
        self._findings = findings
        self._progress = progress

    def __iter__(self) -> Iterator[list[str]]:
        rest = b""
        for block in self._utf8():
            lines = (rest + block).splitlines(keepends=True)
            # What ends in CR may be half of a CRLF: only a line feed is surely an end.
            rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
            if len(rest) > _LONGEST_LINE:
                raise DataError(
                    f"{self.path} has a line of more than {_LONGEST_LINE >> 20} MiB: "
                    "it is no CSV file of transactions or IP ranges"
                )
            if lines:
                yield self._decoded(lines)
        if rest:
            self.ended = rest.endswith(b"\r")
            yield self._decoded([rest])

    def _decoded(self, lines: list[bytes]) -> list[str]:
        try:
            return [line.decode() for line in lines]
        except UnicodeDecodeError:
            return [self._line(line) for line in lines]

    def _line(self, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError:
            self._findings.repaired(Repair.NOT_UTF8)
        try:
            return line.decode("cp1252")
        except UnicodeDecodeError:
            # Its five unused bytes become control characters, which no rule lets pass.
            return line.decode("latin-1")

    def _utf8(self) -> Iterator[bytes]:
        """The decompressed bytes as UTF-8 without byte order mark, in blocks that are not empty."""
        blocks = self._hashed()
        first = next(blocks, b"")
        decoder: codecs.IncrementalDecoder | None = None
        if first.startswith(codecs.BOM_UTF8):
            self.encoding = "utf-8 with byte order mark"
            first = first[len(codecs.BOM_UTF8) :]
        elif first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            self.encoding = "utf-16"
            decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
        if decoder is None:
            if first:
                yield first
            yield from blocks
            return
        for block in chain((first,), blocks):
            if text := decoder.decode(block).encode():
                yield text
        if tail := decoder.decode(b"", final=True):
            yield tail.encode()

    def _hashed(self) -> Iterator[bytes]:
        for block in self._decompressed():
            self.sha256.update(block)
            self.size += len(block)
            yield block

    def _decompressed(self) -> Iterator[bytes]:
        with _opened(self.path) as file:
            try:
                yield from self._contents(file)
            except OSError as error:
                raise DataError(
                    f"{self.path} cannot be read ({error.strerror or error}): copy it again"
                ) from None

    def _contents(self, file: BinaryIO) -> Iterator[bytes]:
        total = self.path.stat().st_size
        first = file.read(8)
        for magic, what in _NOT_TEXT.items():
            if first.startswith(magic):
                raise DataError(f"{self.path} is {what}: unpack it or export it as CSV")
        self.compressed = first.startswith(_GZIP)
        blocks = self._raw(file, first, total)
        yield from self._gunzipped(blocks) if self.compressed else blocks

    def _raw(self, file: BinaryIO, first: bytes, total: int) -> Iterator[bytes]:
        # Compressed data grows: smaller blocks keep what comes out of one of them small.
        size = _BLOCK // 8 if self.compressed else _BLOCK
        block = first + file.read(size)
        done = 0
        while block:
            yield block
            done += len(block)
            if self._progress is not None:
                self._progress(done, max(total, done))
            block = file.read(size)

    def _gunzipped(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        member = zlib.decompressobj(wbits=31)
        for block in blocks:
            data = block
            while data:
                if member.eof:
                    # Another member may follow, or padding.
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                    member = zlib.decompressobj(wbits=31)
                try:
                    text = member.decompress(data)
                except zlib.error as error:
                    raise DataError(
                        f"{self.path} is a damaged gzip file ({error}): fetch it again"
                    ) from None
                if text:
                    yield text
                data = member.unused_data
        if not member.eof:
            self.cut = True
            self._findings.warnings.append(
                "the gzip file breaks off before its end: only the lines before that were read"
            )


def _opened(path: Path) -> BinaryIO:
    try:
        if path.is_dir():
            raise ConfigError(f"{path} is a folder: name the CSV file in it")
        return path.open("rb")
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist: check the name and the folder") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} cannot be opened ({reason}): check it") from None
