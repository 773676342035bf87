"""The real server, for clients that nobody here wrote: `run.py` on a free port over an empty store, ada its only account."""
from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "three green boats at dawn"


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of a server that keeps its data in `folder`, and beside them what it says. ada, the administrator, has PASSWORD."""
    port = str(free_port())
    settings = {"PORT": port, "DATA": str(folder / "data"), "WORKERS": "1", "TESTING": "1", "BCRYPT_COST": "4",
                "ADMIN_USERNAME": "ada", "ADMIN_PASSWORD": PASSWORD}
    others = {name: value for name, value in os.environ.items() if not name.startswith("WEBADMIN_")}
    with (folder / "log").open("w") as log, (folder / "out").open("w") as out, subprocess.Popen(
            [sys.executable, "run.py"], cwd=ROOT, stdout=out, stderr=log,
            env={**others, **{f"WEBADMIN_{name}": value for name, value in settings.items()}}) as process:
        try:
            _wait_for(folder, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(15)


def _wait_for(folder: Path, process: subprocess.Popen[bytes]) -> None:
    last_moment = time.monotonic() + 30
    while "ready" not in (folder / "out").read_text():
        assert process.poll() is None and time.monotonic() < last_moment, (folder / "log").read_text()
        time.sleep(0.02)
