"""Eight megabytes for the day the disk is full, when SQLite cannot even delete; `flask --app webadmin free-reserve` gives them back."""
from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

BYTES = 8 * 1024 * 1024
ROOM = 10 * BYTES      # what must be free before the reserve is made: it must never be what fills the disk


def keep(folder: Path) -> None:
    """Make the reserve where it is missing and there is room. That it cannot be made stops nothing."""
    path = folder / "reserve"
    if path.exists() or shutil.disk_usage(folder).free < ROOM:
        return
    with suppress(OSError), open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(b"\0" * BYTES)


def free(folder: Path) -> bool:
    """Give the reserve back. False where it is gone already."""
    try:
        (folder / "reserve").unlink()
    except FileNotFoundError:
        return False
    return True
