"""How the body of a request is taken in: what no door reads is not kept, and who sends little besides framing is not read on."""
from __future__ import annotations

from waitress.buffers import OverflowableBuffer
from waitress.receiver import ChunkedReceiver, FixedStreamReceiver
from waitress.utilities import BadRequest

from webadmin.security import LONGEST_BODY

FRAMING_BYTES = 16 * 1024      # sizes, extensions and trailer of all chunks: each costs as much as very many bytes


class Kept(OverflowableBuffer):
    """The beginning of a body, in memory: what a door reads at most, and one byte more, by which it is known to be longer."""

    def __init__(self) -> None:
        super().__init__(LONGEST_BODY + 2)
        self.came = 0

    def append(self, s: bytes) -> None:
        self.came += len(s)
        if (room := LONGEST_BODY + 1 - len(self)) > 0:
            super().append(s[:room])


class Chunks(ChunkedReceiver):
    read = 0
    error: BadRequest | None

    def received(self, s: bytes) -> int:
        taken: int = super().received(s)
        self.read += taken
        if not self.error and self.read - self.buf.came > FRAMING_BYTES:
            self.error = BadRequest("Chunks that are too small, or say too much besides")
        return taken


def receiver(length: int, *, chunked: bool) -> ChunkedReceiver | FixedStreamReceiver:
    """What takes in a body that comes in chunks, or of this many bytes."""
    return Chunks(Kept()) if chunked else FixedStreamReceiver(length, Kept())
