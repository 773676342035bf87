"""The five published contracts as their OpenAPI files say them. Each file is read once."""
from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "api"
NAMES = ("users_v2_basic", "users_v1_jwt", "chirpy_users", "user_v1_cookie", "user_mass")


@cache
def text(name: str) -> str:
    return (FOLDER / f"{name}.openapi.json").read_text(encoding="utf-8")


@cache
def read(name: str) -> dict[str, Any]:
    """The file, parsed. Whoever reads it leaves it as it is."""
    found: dict[str, Any] = json.loads(text(name))
    return found
