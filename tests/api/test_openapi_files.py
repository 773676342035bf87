"""The published OpenAPI files: each is valid, complete, and as its document says. Whether the server keeps to them is asked elsewhere."""
from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import webadmin

jsonschema_rs = pytest.importorskip("jsonschema_rs", reason="jsonschema_rs, of requirements-dev.txt, checks the examples")
openapi = pytest.importorskip("schemathesis.openapi", reason="schemathesis, of requirements-dev.txt, checks the files")

FOLDER = Path(webadmin.__file__).parent / "api"
METHODS = {"get", "post", "put", "patch", "delete"}
DOCUMENTED = {
    "users_v2_basic": ["GET /api/v2/users", "GET /api/v2/users/{username}", "POST /api/v2/users/{username}",
                       "DELETE /api/v2/users/{username}",
                       "PUT /api/v2/users/{username}/update",
                       "POST /api/v2/users/{username}/refresh"],
    "users_v1_jwt": ["POST /api/v1/register", "POST /api/v1/login", "POST /api/v1/refresh",
                     "DELETE /api/v1/logout", "DELETE /api/v1/logout2", "GET /api/v1/users", "GET /api/v1/users/{id_user}"],
    "chirpy_users": ["POST /api/users", "PUT /api/users", "POST /api/login", "POST /api/refresh", "POST /api/revoke"],
    "user_v1_cookie": ["PATCH /api/v1/user/updatePassword", "GET /api/v1/user/"],
    "user_mass": ["GET /user", "POST /user", "PUT /user", "DELETE /user"],
}
DECIDED = {
    "users_v2_basic": ["PATCH /api/v2/users/{username}/update"],
    "users_v1_jwt": [],
    "chirpy_users": [],
    "user_v1_cookie": ["POST /api/v1/user/login", "GET /api/v1/user/logout", "POST /api/v1/user/logout", "GET /api/v1/user"],
    "user_mass": ["POST /auth"],
}
SENTENCES = {
    "users_v2_basic": ['{"user_exists": true}', '{"user_exists": false}', '{"users": ["test123"]}',
                       '"v7s3agw1NXfkkUXz9WHMO_U1QS9xXs9ZEHoKETiNWQY"',
                       '"$2b$12$LOqP59o2z48.H4qPLldHxOfXHJtw3JqeY7R.DG4xEECd6kwdnJ8bm"', '{"_id": {"$oid": "5c85134a9d723e4c9a7dd03c"}'],
    "users_v1_jwt": ['{"user_name": "Jose", "login": "thecaasantos", "password": "slc89slo", "user_role": 1}',
                     '{"login": "thecaasantos", "password": "slc89slo"}'],
    "chirpy_users": ['"Incorrect email or password"'],
    "user_v1_cookie": ['"Your current password is wrong."', '"Passwords are not the same."',
                       '{"statusCode": 401, "status": "fail", "isOperational": true}',
                       '{"role": "admin", "_id": "5e90544685e0a968e5eea8c6", "name": "admin", "email": "cyber@cyberwatching.eu"}'],
    "user_mass": ['{"message": "You do not have permission to access this resource"}',
                  '{"message": "You do not have permission to perform this action"}', '{"message": "A server error occured"}',
                  '{"message": "Data successfully updated"}',
                  '{"message": "Accounts sucessfully deleted"}',
                  '[{"uid": 0, "email": "todda@rpi.edu"}, {"uid": 1, "email": "morris10@rpi.edu"}]',
                  '"Sign up sucessful"', '"An account already exists with that email"'],
}


@pytest.fixture(params=sorted(DOCUMENTED))
def contract(request) -> str:
    return request.param


@pytest.fixture
def document(contract) -> dict[str, Any]:
    return read(contract)


def test_there_is_one_file_for_each_document():
    assert {path.name.removesuffix(".openapi.json") for path in FOLDER.glob("*.openapi.json")} == set(DOCUMENTED)


def test_the_file_is_valid_openapi(document):
    openapi.from_dict(document).validate()
    assert document["openapi"].startswith("3.1")
    assert document["servers"][0]["url"] == "/"


def test_the_file_is_written_with_two_spaces_and_no_key_twice(contract):
    text = path_of(contract).read_text()
    assert json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n" == text


def test_every_documented_path_is_in_the_file_and_no_other(contract, document):
    assert {f"{method.upper()} {path}" for path, method, _ in operations(document)} == set(DOCUMENTED[contract] + DECIDED[contract])


def test_the_documents_own_words_are_in_the_file(contract, document):
    text = json.dumps(document, ensure_ascii=False)
    assert [sentence for sentence in SENTENCES[contract] if sentence not in text] == []


def test_every_example_fits_its_schema(document):
    found = list(examples(document))
    assert len(found) > 10
    for place, schema, value in found:
        validator = jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})
        errors = [str(error) for error in validator.iter_errors(value)]
        assert not errors, f"{place}: {errors}"


def test_operation_ids_are_unique_over_all_files():
    names = Counter(operation["operationId"] for contract in DOCUMENTED for _, _, operation in operations(read(contract)))
    assert max(names.values()) == 1
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) for name in names)


@pytest.mark.parametrize("status", ["400", "429", "500", "503"])
def test_every_operation_names_its_failures(document, status):
    for path, method, operation in operations(document):
        assert status in operation["responses"], f"{method} {path}"
        assert content(document, operation["responses"][status])


def test_waiting_times_challenges_and_methods_are_named(document):
    due = {"429": "Retry-After", "503": "Retry-After", "401": "WWW-Authenticate"}
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            assert status not in due or resolved(document, response)["headers"][due[status]]["required"], f"{method} {path} {status}"
    assert document["components"]["responses"]["MethodNotAllowed"]["headers"]["Allow"]["required"]


def test_an_operation_with_a_credential_answers_401(document):
    for path, method, operation in operations(document):
        assert not operation["security"] or "401" in operation["responses"], f"{method} {path}"


def test_answers_are_closed_and_requests_are_open(document):
    """A key that no one named would be a leak in an answer; in a request it is ignored."""
    for path, method, operation in operations(document):
        for response in operation["responses"].values():
            for schema in objects(document, content(document, response)):
                assert schema.get("additionalProperties") is False, f"{method} {path}: {schema}"
        for part in operation.get("requestBody", {}).get("content", {}).values():
            assert "additionalProperties" not in resolved(document, part["schema"]), f"{method} {path}"


def test_no_claim_and_no_answer_outside_the_two_documented_fields_holds_a_password(contract, document):
    for name, schema in document["components"]["schemas"].items():
        answer = schema.get("additionalProperties") is False
        assert not answer or contract == "users_v2_basic" or not {"password", "hash"} & set(schema["properties"]), name


def test_claims_are_those_of_every_token():
    issued = {"users_v1_jwt": ["access", "refresh"], "chirpy_users": ["access"], "user_v1_cookie": ["access"], "user_mass": ["access"]}
    for contract, kinds in issued.items():
        for kind in kinds:
            claims = read(contract)["components"]["schemas"][f"{kind.title()}TokenClaims"]
            assert {"iss", "aud", "sub", "type", "jti", "iat", "nbf", "exp", "sid"} <= set(claims["required"])
            assert claims["properties"]["type"] == {"const": kind}


def path_of(contract: str) -> Path:
    return FOLDER / f"{contract}.openapi.json"


def read(contract: str) -> dict[str, Any]:
    return json.loads(path_of(contract).read_text())


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield path, method, item[method]


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        _, *steps = node["$ref"].split("/")
        node = document
        for step in steps:
            node = node[step]
    return node


def content(document: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    """The schema of an answer's body; {} for an answer without one."""
    return resolved(document, response).get("content", {}).get("application/json", {}).get("schema", {})


def objects(document: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    schema = resolved(document, schema)
    if schema.get("type") == "object":
        yield schema
    for below in [*schema.get("oneOf", []), *schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]:
        yield from objects(document, below)


def examples(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    for path, method, operation in operations(document):
        answers = {status: resolved(document, response) for status, response in operation["responses"].items()}
        bodies = {"request": operation.get("requestBody", {}), **answers}
        for status, body in bodies.items():
            for part in body.get("content", {}).values():
                for name, example in part.get("examples", {}).items():
                    yield f"{method} {path} {status} {name}", part["schema"], example["value"]
