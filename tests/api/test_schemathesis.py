"""Requests that schemathesis invents from the five files, with every check on, against the started server: not one finding.

WEBADMIN_TRY_EXAMPLES asks for more of them (of each operation; 2 otherwise).
"""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.conftest import CONTRACTS, FOLDER, ROOT, Served, routes
from tests.conftest import PASSWORD

pytest.importorskip("schemathesis", reason="schemathesis, of requirements-dev.txt, invents the requests")
EXAMPLES = os.environ.get("WEBADMIN_TRY_EXAMPLES", "2")
COMMAND = "from schemathesis.cli import schemathesis; schemathesis()"
# what ends the credential that it is asked with, and so is tried with one of its own
ENDING = "cookie_(get|post)_logout|cookie_update_password|v1_logout2?|chirpy_revoke"


def credentials(served: Served) -> dict[str, str]:
    """One administrator's, of every contract, as tests/api/schemathesis.toml names them."""
    v1 = served.call("POST", "/api/v1/login", {"login": "ada", "password": PASSWORD})
    chirpy = served.call("POST", "/api/login", {"email": "ada", "password": PASSWORD})
    cookie = served.call("POST", "/api/v1/user/login", {"name": "ada", "password": PASSWORD})
    given = {"NAME": "ada", "PASSWORD": PASSWORD, "V1_ACCESS": v1["access_token"], "V1_REFRESH": v1["refresh_token"],
             "CHIRPY_JWT": chirpy["token"], "CHIRPY_REFRESH": chirpy["refresh_token"], "COOKIE_JWT": cookie["token"]}
    return {f"WEBADMIN_TRY_{name}": value for name, value in given.items()}


def findings(served: Served, contract: str, folder: Path, *options: str) -> str:
    """What schemathesis says; empty where it is content."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            COMMAND,
            "--config-file",
            str(ROOT / "tests/api/schemathesis.toml"),
            "run",
            "--checks",
            "all",
            "--url",
            served.address,
            "--max-examples",
            EXAMPLES,
            "--generation-database",
            "none",
            "--no-color",
            *options,
            str(FOLDER / f"{contract}.openapi.json"),
        ],
        env=os.environ | credentials(served),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=3000,
    )
    return "" if done.returncode == 0 else done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.parametrize("contract", CONTRACTS)
def test_invented_requests_find_nothing(served: Served, contract: str, tmp_path: Path):
    ending = any(re.fullmatch(ENDING, operation["operationId"]) for _, _, operation in routes(contract))
    for which in ("include", "exclude") if ending else ("exclude",):
        assert not findings(served, contract, tmp_path, f"--{which}-operation-id-regex", f"^({ENDING})$")
    assert not [line for line in served.log.read_text().splitlines() if '"status": 500' in line or "Traceback" in line]
