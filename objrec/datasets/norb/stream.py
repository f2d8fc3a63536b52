"""Samples of a gzip NORB file that is too large to be decompressed into memory.

Gzip can only be read from its start. `GzipRows` therefore decompresses forward, in blocks of a
few MB, keeps the blocks read last, and takes a snapshot of the decompressor at every block's
start: going through the file decompresses it once, and a sample anywhere before the furthest
block read costs one block. Samples before a damaged place can be read, those after it cannot.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np

from objrec.datasets.norb.matrix import Header
from objrec.errors import DataError

_BLOCK = 1 << 22
# Small, since a snapshot keeps what its decompressor had been given and not yet used.
_CHUNK = 1 << 14
_GZIP = 31  # zlib's wbits for gzip, which makes it verify checksum and length


class RecentBlocks:
    """The blocks decompressed last, of all files of a split; several threads may use it."""

    def __init__(self, most: int = 3) -> None:
        self._most = most
        self._blocks: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> np.ndarray | None:
        """Return a block if it is still held."""
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
            return self._blocks.get(key)

    def put(self, key: Hashable, block: np.ndarray) -> None:
        """Hold a block, and let go of the one not used for longest if there are too many."""
        with self._lock:
            self._blocks[key] = block
            if len(self._blocks) > self._most:
                self._blocks.popitem(last=False)


@dataclass(frozen=True)
class _Snapshot:
    """A decompressor between two blocks, never used itself, and its place in the file."""

    decompressor: Any
    offset: int


@dataclass(frozen=True)
class _Damage:
    """The first row that cannot be read, and why."""

    row: int
    reason: str


class _WrongLength(Exception):
    """The file holds another number of bytes than its header says; the text says how many."""


class _Reader:
    """Reads on from a snapshot: gzip in one or several members, zeros between or behind them."""

    def __init__(self, file: BinaryIO, start: _Snapshot) -> None:
        file.seek(start.offset)
        self._file = file
        self._input = b""
        self._decompressor = start.decompressor and start.decompressor.copy()

    def snapshot(self) -> _Snapshot:
        """Return the present state; the reader must not be used any more."""
        return _Snapshot(self._decompressor, self._file.tell() - len(self._input))

    def read_into(self, content: bytearray, count: int) -> None:
        """Append bytes until there are so many; fewer at the end of the file.

        Raises:
            EOFError: The file is cut short.
            zlib.error: It is damaged.
        """
        while len(content) < count and self._in_member():
            content += self._decompress(count - len(content))

    def _in_member(self) -> bool:
        """Begin a member if none is being read; False if there is none."""
        if self._decompressor is None:
            while not self._input:
                chunk = self._file.read(_CHUNK)
                if not chunk:
                    return False
                self._input = chunk.lstrip(b"\0")
            self._decompressor = zlib.decompressobj(_GZIP)
        return True

    def _decompress(self, most: int) -> bytes:
        given = self._input or self._file.read(_CHUNK)
        output = self._decompressor.decompress(given, most)
        if self._decompressor.eof:
            self._input = self._decompressor.unused_data.lstrip(b"\0")
            self._decompressor = None
        elif given or output:
            self._input = self._decompressor.unconsumed_tail
        else:
            raise EOFError
        return output


class GzipRows:
    """The rows of a gzip matrix file, as those of an array of its shape.

    Several threads may read; one of them decompresses at a time.
    """

    def __init__(self, path: Path, header: Header, recent: RecentBlocks) -> None:
        self.shape, self.dtype = header.shape, header.dtype
        self._path, self._header, self._recent = path, header, recent
        self._row_bytes = header.payload // header.shape[0]
        self._rows = max(1, _BLOCK // self._row_bytes)
        self._snapshots: list[_Snapshot] = []
        self._damage: _Damage | None = None
        self._lock = Lock()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, row: int) -> np.ndarray:
        """Read one row, into an array of its own.

        Raises:
            DataError: The file is damaged there or before, or cannot be read.
        """
        row = range(len(self))[row]
        number, within = divmod(row, self._rows)
        try:
            block = self._block(number)
        except OSError as error:
            raise DataError(
                f"{self._path}#{row}: cannot be read ({error.strerror}); check the file"
            ) from error
        if within >= len(block):
            raise DataError(f"{self._path}#{row}: {self._damage.reason}")
        return block[within].copy()  # so that who keeps a row does not keep its block

    def _block(self, number: int) -> np.ndarray:
        """Return the rows of a block; fewer if the file is damaged within or before it."""
        key = (self._path, number)
        block = self._recent.get(key)
        if block is not None:
            return block
        with self._lock:
            block = self._recent.get(key)  # another thread may have read it meanwhile
            if block is None:
                block = self._decompressed(number)
                self._recent.put(key, block)
        return block

    def _decompressed(self, number: int) -> np.ndarray:
        if self._damage and self._damage.row <= number * self._rows:
            return np.empty((0, *self.shape[1:]), self.dtype)
        if not self._snapshots:
            self._snapshots.append(_Snapshot(None, 0))
        block = None
        with self._path.open("rb") as file:
            for current in range(min(number, len(self._snapshots) - 1), number + 1):
                block = self._decompress_one(file, current)
                if self._damage:
                    break
        return block if current == number else block[:0]

    def _decompress_one(self, file: BinaryIO, number: int) -> np.ndarray:
        """Decompress a block from its snapshot, and take that of the next; notes damage."""
        reader = _Reader(file, self._snapshots[number])
        count = min(self._rows, len(self) - number * self._rows)
        wanted = count * self._row_bytes
        content = bytearray()
        try:
            if number == 0:
                reader.read_into(bytearray(), self._header.length)
            reader.read_into(content, wanted)
            self._check_length(reader, number, len(content), wanted)
            if number + 1 == len(self._snapshots):
                self._snapshots.append(reader.snapshot())
        except (EOFError, zlib.error, _WrongLength) as error:
            count = min(count - 1, len(content) // self._row_bytes)
            self._damage = _Damage(number * self._rows + count, self._reason(error))
        rows = np.frombuffer(content, np.uint8)[: count * self._row_bytes].view(self.dtype)
        return rows.reshape(count, *self.shape[1:])

    def _check_length(self, reader: _Reader, number: int, found: int, wanted: int) -> None:
        before = number * self._rows * self._row_bytes
        if found < wanted:
            raise _WrongLength(f"{before + found:,}")
        if before + found == self._header.payload:
            # Reading on to the end makes zlib verify its checksum, too.
            more = bytearray()
            reader.read_into(more, 1)
            if more:
                raise _WrongLength("more")

    def _reason(self, error: Exception) -> str:
        if isinstance(error, _WrongLength):
            return f"the file is damaged: {self._header.wrong_length(str(error))}"
        return "the gzip data is damaged here or before, or cut short; copy the file again"
