"""The real server, for clients that nobody here wrote: `run.py` on a free port over an empty store, ada its only account."""
from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "three green boats at dawn"


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of a server that keeps its data in `folder`. ada, the administrator, has PASSWORD."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    settings = {"PORT": port, "DATA": str(folder / "data"), "WORKERS": "1", "TESTING": "1", "BCRYPT_COST": "4",
                "ADMIN_USERNAME": "ada", "ADMIN_PASSWORD": PASSWORD}
    others = {name: value for name, value in os.environ.items() if not name.startswith("WEBADMIN_")}
    with (folder / "log").open("w") as log, subprocess.Popen(
            [sys.executable, "run.py"], cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True,
            env={**others, **{f"WEBADMIN_{name}": value for name, value in settings.items()}}) as process:
        try:
            assert process.stdout and "ready" in process.stdout.readline(), (folder / "log").read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(15)
