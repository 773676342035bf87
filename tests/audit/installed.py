"""The tools themselves: each in a folder of its own below CACHE, made at its first use and named after its version.

Nothing of them enters the environment that webadmin runs in: they pin what webadmin pins otherwise.
"""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tests.drills.console import ROOT

CACHE = Path(os.environ.get("WEBADMIN_AUDIT_TOOLS") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "webadmin-audit")
INSTALL_SECONDS = 900


class CouldNotLook(Exception):
    """The tool is not there, or it ended without an answer. Never a pass: nobody knows what it would have found."""


def from_pypi(package: str, command: str) -> str:
    """The command of `name==version`."""
    place = CACHE / package
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        _install(package, sys.executable, "-m", "venv", str(place))
        _install(package, str(place / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package)
        (place / "ready").touch()
    return str(place / "bin" / command)


def from_npm(package: str) -> Path:
    """The folder with the node_modules of `name@version`. No package runs a script of its own while it is installed."""
    place = CACHE / package.replace("/", "_")
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        _install(package, found("npm"), "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(place), package)
        (place / "ready").touch()
    return place


def found(program: str) -> str:
    """The path of a program of this machine."""
    path = shutil.which(program)
    if path is None:
        raise CouldNotLook(f"this machine has no {program}")
    return path


def run(*words: str, folder: Path = ROOT, seconds: float = 600, environment: Mapping[str, str] = MappingProxyType({})) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise CouldNotLook(f"it was not done after {seconds:.0f} s") from None


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Why a tool gave up, as far as it says so."""
    return next((line.strip() for line in reversed((done.stdout + done.stderr).splitlines()) if line.strip()), f"it ended with {done.returncode}")


def _install(package: str, *words: str) -> None:
    done = run(*words, seconds=INSTALL_SECONDS)
    if done.returncode:
        raise CouldNotLook(f"{package} could not be installed: {last_line(done)[:300]}")
