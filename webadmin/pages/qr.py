"""A text as a QR code: the path of an SVG, so that no markup comes from elsewhere. segno is imported when the first one is drawn."""
from __future__ import annotations

from itertools import groupby

QUIET = 4      # modules of empty margin, which readers need (ISO/IEC 18004)


def drawn(text: str) -> tuple[int, str]:
    """(width in modules, path of the dark ones)."""
    import segno
    matrix = segno.make_qr(text, error="m").matrix
    return len(matrix) + 2 * QUIET, "".join(_line(row, y + QUIET) for y, row in enumerate(matrix))


def _line(row: bytes | bytearray, y: int) -> str:
    path, x = "", QUIET
    for dark, run in groupby(row):
        length = len(list(run))
        path += f"M{x} {y}h{length}v1h-{length}z" if dark else ""
        x += length
    return path
