"""A store that turns read-only under whoever works with it, as when its file system is mounted so or its server becomes a standby."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from webadmin.store import database


@contextmanager
def folder(path: Path) -> Iterator[None]:
    """The folder and what is in it can be read alone. Root may write whatever the modes say, so for root it is mounted so."""
    if os.geteuid():
        modes = {each: each.stat().st_mode for each in (*path.iterdir(), path) if each.is_file() or each == path}
        for each, mode in modes.items():
            each.chmod(mode & ~0o222)
        try:
            yield
        finally:
            for each, mode in modes.items():
                each.chmod(mode)
        return
    mount = ["mount", "--bind", str(path), str(path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this root may not mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(path)], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@contextmanager
def store(folder_of_data: Path) -> Iterator[None]:
    """The store that the models are bound to; the connection of this thread is opened anew on both sides."""
    if database.engine() == "sqlite":
        with folder(folder_of_data):
            _reconnect()
            yield
    else:
        name = database.proxy.obj.database
        database.proxy.obj.execute_sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        _reconnect()
        try:
            yield
        finally:
            database.proxy.obj.execute_sql("SET default_transaction_read_only = off")
            database.proxy.obj.execute_sql(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    _reconnect()


def _reconnect() -> None:
    database.proxy.obj.close()
    if database.engine() != "sqlite":
        database.forget_connections()
    database.proxy.obj.connect()
    database._look_whether_read_only()
