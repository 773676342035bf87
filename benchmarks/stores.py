"""The databases: filled once for each size, copied where a measurement writes."""
from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import venv
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks import floor, people
from benchmarks.drive import Unusable
from benchmarks.servers import NAME, PASSWORD, ROOT, django_settings, product_settings

REQUIREMENTS = {"product": ROOT / "requirements.txt", "django": Path(__file__).with_name("requirements.txt")}
FLASK = ("-m", "flask", "--app", "webadmin")


class Stores:
    """Everything in one folder: what is there already is used again."""

    def __init__(self, folder: Path, python: Path | None = None):
        self.folder, self.given = folder, python

    def python(self, name: str) -> str:
        """An environment that has what the product, or Django, needs and nothing else: what is merely there is imported by some."""
        found = self.folder / f"{name}-env" / "bin" / "python"
        if name == "product" and self.given:
            return str(self.given)
        if not found.exists():
            self._install(name, found)
        return str(found)

    def csv(self, size: int) -> Path:
        path = self.folder / f"people-{size}.csv"
        return path if path.exists() else people.write(path, size)

    def product(self, size: int) -> Path:
        """The product's data folder, filled by its own import."""
        data = self.folder / f"product-{size}"
        if not (data / "webadmin.db").exists():
            _tell(f"filling the product with {size:,} accounts")
            make = [self.python("product"), *FLASK, "create-admin", NAME, "--password", PASSWORD]
            timed(make, product_settings(data), self.folder / "import.log")
            self._remember(f"import-{size}", self.import_into(data, size))
        return data

    def import_into(self, data: Path, size: int) -> dict[str, float]:
        """Seconds and peak MiB of `flask import` of this many accounts."""
        return timed([self.python("product"), *FLASK, "import", str(self.csv(size))], product_settings(data), self.folder / "import.log")

    def copy(self, size: int, name: str) -> Path:
        """A data folder of its own, for what writes; keys included."""
        data = self.folder / name
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(self.product(size) / "keys", data / "keys")
        with closing(_opened(self.product(size))) as whole, closing(_opened(data)) as copied:
            whole.backup(copied)
        return data

    def django(self, size: int) -> tuple[Path, dict[str, str]]:
        """Django's database, and how its administrator is let in."""
        path = self.folder / f"django-{size}.db"
        if not path.exists():
            _tell(f"filling Django with {size:,} accounts")
            keys = self.prepare_django(path)
            self._remember(f"django-{size}", keys)
            self.fill_django(path, size)
            with sqlite3.connect(path) as store:
                store.execute("ANALYZE")
        return path, self.remembered(f"django-{size}")

    def prepare_django(self, path: Path) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._django(path, "prepare"))
        return found

    def fill_django(self, path: Path, size: int) -> dict[str, float]:
        """Seconds and peak MiB of the whole process, as of ours."""
        words = [self.python("django"), "-m", "benchmarks.django_peer.fill", str(self.csv(size))]
        return timed(words, django_settings(path), path.parent / "django-fill.log")

    def floor(self, size: int) -> Path:
        path = self.folder / f"floor-{size}.db"
        if not path.exists():
            _tell(f"filling the floor with {size:,} accounts")
            floor.fill(path, size)
        return path

    def remembered(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text())

    def _remember(self, name: str, found: Any) -> None:
        (self.folder / f"{name}.json").write_text(json.dumps(found))

    def _django(self, path: Path, *words: str) -> str:
        command = [self.python("django"), "-m", "benchmarks.django_peer.fill", *words]
        return subprocess.run(command, cwd=ROOT, env=django_settings(path), check=True, stdout=subprocess.PIPE, text=True).stdout

    def _install(self, name: str, python: Path) -> None:
        _tell(f"installing what the {name} needs")
        venv.create(python.parent.parent, with_pip=True)
        words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS[name])]
        if subprocess.run(words).returncode:
            shutil.rmtree(python.parent.parent)
            raise Unusable(f"what the {name} needs could not be installed")


def timed(words: list[str], environment: dict[str, str], log: Path) -> dict[str, float]:
    """Seconds and peak MiB of one process."""
    begun = time.perf_counter()
    with log.open("w") as out:
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=out, stderr=out)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Unusable(f"{' '.join(words)} failed: {log.read_text()[-500:]}")
    return {"seconds": time.perf_counter() - begun, "peak_mib": used.ru_maxrss / 1024}


def _opened(data: Path) -> sqlite3.Connection:
    return sqlite3.connect(data / "webadmin.db")


def _tell(words: str) -> None:
    print(f"... {words}", file=sys.stderr, flush=True)
