"""A client that openapi-python-client makes from a served file works: it creates, reads, updates and deletes an account."""
from __future__ import annotations

import base64
import functools
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.running import PASSWORD, server
from webadmin import documents

GENERATOR = shutil.which("openapi-python-client", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if GENERATOR is None:
        absent = "openapi-python-client, of requirements-dev.txt, is not installed"
        (pytest.fail if os.environ.get("WEBADMIN_TEST_ALL") else pytest.skip)(absent)
    with server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def generated(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The client package of a contract, made from the file that the server serves."""
    folder = tmp_path_factory.mktemp("clients")
    (folder / "config.yml").write_text("post_hooks: []\n")
    sys.path.insert(0, str(folder))

    @functools.cache
    def make(contract: str) -> ModuleType:
        package = f"client_of_{contract}"
        made = subprocess.run(
            [str(GENERATOR), "generate", "--url", f"{address}/openapi/{contract}.json", "--meta", "none",
             "--config", str(folder / "config.yml"), "--output-path", str(folder / package)], capture_output=True, text=True, timeout=60)
        assert made.returncode == 0, made.stdout + made.stderr
        importlib.invalidate_caches()
        return importlib.import_module(package)
    yield make
    sys.path.remove(str(folder))


@pytest.mark.parametrize("contract", documents.NAMES)
def test_every_operation_becomes_a_function(generated: Any, contract: str) -> None:
    client = generated(contract)
    made = {path.stem for path in Path(client.__path__[0]).glob("api/*/*.py")}
    assert {operation["operationId"] for item in documents.read(contract)["paths"].values() for operation in item.values()} <= made


def test_a_generated_client_keeps_an_account_by_basic(address: str, generated: Any) -> None:
    client = generated("users_v2_basic")
    call, models = _calls(client, "users"), importlib.import_module(f"{client.__name__}.models")
    basic = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()

    with client.AuthenticatedClient(base_url=address, token=basic, prefix="Basic") as ada:
        made = call("v2_create_user", "eve", client=ada, body=models.Secrets(password="three red boats at noon"))
        assert made.status_code == 200 and made.parsed.user_name == "eve"
        assert "eve" in call("v2_list_users", client=ada).parsed.users
        read = call("v2_get_user", "eve", client=ada).parsed
        updated = call("v2_update_user", "eve", client=ada, body=models.Changes(password="four blue boats at noon")).parsed
        assert updated.password != read.password and updated.token == read.token and updated.user_name == "eve"
        assert call("v2_delete_user", "eve", client=ada).status_code == 200
        gone = call("v2_get_user", "eve", client=ada)
        assert gone.status_code == 403 and gone.parsed.user_exists is False


def test_a_generated_client_signs_in_by_jwt(address: str, generated: Any) -> None:
    client = generated("users_v1_jwt")
    call, models = _calls(client, "auth"), importlib.import_module(f"{client.__name__}.models")

    with client.Client(base_url=address) as stranger:
        made = call("v1_register", client=stranger, body=models.Registration(login="jose", password="slc89slo", user_name="Jose")).parsed
        pair = call("v1_login", client=stranger, body=models.Login(login="jose", password="slc89slo")).parsed
    with client.AuthenticatedClient(base_url=address, token=pair.access_token) as jose:
        read = _calls(client, "users")
        assert read("v1_get_user", made.user.id_user, client=jose).parsed.user.login == "jose"
        assert call("v1_logout", client=jose).status_code == 200
        assert read("v1_get_user", made.user.id_user, client=jose).status_code == 401


def _calls(client: ModuleType, tag: str) -> Any:
    def call(operation: str, *words: Any, **given: Any) -> Any:
        return importlib.import_module(f"{client.__name__}.api.{tag}.{operation}").sync_detailed(*words, **given)
    return call
