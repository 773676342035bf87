"""A contract's OpenAPI file as its page shows it: routes with fields, answers, examples and a curl line. Parsed at the first view."""
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup, escape

from webadmin import documents
from webadmin.pages import curl

METHODS = ("get", "post", "put", "patch", "delete")
WORDS = {"string": "text", "integer": "whole number"}
# how a page calls a credential, and the variable of the shell that holds it
SCHEMES = {"basic": ("Basic: name and password", ""), "api_token": ("API token", "TOKEN"), "access_token": ("Access token", "ACCESS_TOKEN"),
           "refresh_token": ("Refresh token", "REFRESH_TOKEN"), "opaque_refresh_token": ("Refresh token", "REFRESH_TOKEN"),
           "jwt": ("JWT", "TOKEN"), "bearer": ("Bearer token", "TOKEN"), "cookie": ("Cookie “jwt”", ""), "token": ("Parameter “token”", "")}
SHARED = {"BadRequest": "400", "Unauthorized": "401", "Forbidden": "403", "NotFound": "404", "MethodNotAllowed": "405", "TooLarge": "413",
          "UnsupportedMediaType": "415", "WrongToken": "422", "TooManyRequests": "429", "ServerError": "500", "Unavailable": "503"}
Json = dict[str, Any]


@dataclass(frozen=True)
class Field:
    name: str
    place: str      # path, query or body
    needed: bool
    kind: str
    limits: str
    meaning: Markup


@dataclass(frozen=True)
class Answer:
    status: str
    meaning: Markup
    examples: list[tuple[str, str]]      # what it shows, and the JSON
    good: bool


@dataclass(frozen=True)
class Route:
    id: str
    method: str
    path: str
    summary: str
    meaning: Markup
    credentials: list[str]      # any one of them
    media: str
    fields: list[Field]
    answers: list[Answer]
    shared: list[str]      # statuses of answers that all routes share
    basic: bool
    example: Json      # what curl.line needs besides

    def curl(self, who: str) -> str:
        return curl.line(method=self.method, who=who if self.basic else "", **self.example)


@dataclass(frozen=True)
class Contract:
    name: str
    title: str
    meaning: Markup
    parts: list[tuple[str, Markup]]      # heading and words
    credentials: list[tuple[str, Markup]]
    routes: list[Route]
    failures: list[Answer]      # any route may give these


@cache
def contract(name: str) -> Contract:
    document = documents.read(name)
    opening, *parts = re.split(r"^## (.+)\n", document["info"]["description"], flags=re.MULTILINE)
    schemes, responses = (document["components"][kind] for kind in ("securitySchemes", "responses"))
    failures = (_answer(SHARED[key], response) for key, response in responses.items())
    return Contract(
        name=name, title=document["info"]["title"], meaning=prose(opening),
        parts=[(heading, prose(words)) for heading, words in zip(parts[::2], parts[1::2], strict=True)],
        credentials=[(SCHEMES[key][0], inline(scheme["description"])) for key, scheme in schemes.items()],
        routes=[_route(document, path, method) for path, item in document["paths"].items() for method in METHODS if method in item],
        failures=sorted(failures, key=lambda answer: answer.status))


def prose(text: str) -> Markup:
    """Paragraphs and lists of the files' Markdown; they use no more of it."""
    made = Markup()
    for block in re.split(r"\n{2,}", text.strip()):
        lines = block.split("\n")
        if block.startswith("- "):
            made += Markup("<ul>{}</ul>").format(Markup().join(Markup("<li>{}</li>").format(inline(line[2:])) for line in lines))
        else:
            made += Markup("<p>{}</p>").format(inline(block))
    return made


def inline(text: str) -> Markup:
    """Words between backticks are code."""
    pieces = text.split("`")
    return Markup().join(Markup("<code>{}</code>").format(piece) if number % 2 else escape(piece) for number, piece in enumerate(pieces))


def _route(document: Json, path: str, method: str) -> Route:
    operation = document["paths"][path][method]
    answers = {status: response for status, response in operation["responses"].items() if "$ref" not in response}
    media = operation.get("requestBody", {}).get("content", {})
    return Route(
        id=operation["operationId"].replace("_", "-"), method=method.upper(), path=path, summary=operation["summary"],
        meaning=prose(operation["description"]), credentials=_credentials(operation), fields=_fields(document, operation),
        media=" or ".join("a form" if "form" in kind else "JSON" for kind in media),
        answers=[_answer(status, response) for status, response in answers.items()],
        shared=[status for status in operation["responses"] if status not in answers],
        basic={"basic": []} in operation["security"], example=_example(document, path, operation))


def _credentials(operation: Json) -> list[str]:
    """Any one of these will do; "None" among them where the route is open."""
    return [SCHEMES[next(iter(way))][0] if way else "None" for way in operation["security"]] or ["None"]


def _fields(document: Json, operation: Json) -> list[Field]:
    """Path, query, body; what the query and the body both take stands once."""
    found: dict[str, Field] = {}
    for each in _every_field(document, operation):
        before = found.get(each.name)
        found[each.name] = replace(each, place=f"{before.place} or {each.place}") if before else each
    return list(found.values())


def _every_field(document: Json, operation: Json) -> Iterator[Field]:
    for each in _parameters(document, operation):
        yield _field(document, each["name"], each["in"], each["schema"], each.get("required", False), each.get("description", ""))
    schema = _resolved(document, _body(operation).get("schema", {}))
    for name, each in schema.get("properties", {}).items():
        yield _field(document, name, "body", each, name in schema.get("required", ()))


def _field(document: Json, name: str, place: str, schema: Json, needed: bool, meaning: str = "") -> Field:
    schema = _resolved(document, schema)
    said = " ".join(dict.fromkeys(words for words in (meaning, schema.get("description", "")) if words))
    return Field(name, place, needed, _kind(schema), _limits(schema), inline(said))


def _kind(schema: Json) -> str:
    if schema.get("format") == "email":
        return "e-mail address"
    kinds = schema.get("type", [])
    return " or ".join(WORDS[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _limits(schema: Json) -> str:
    limits = []
    least, most = schema.get("minLength"), schema.get("maxLength")
    if most:
        limits.append(f"{least} to {most:,} characters" if least else f"at most {most:,} characters")
    if "minimum" in schema:
        limits.append(f"from {schema['minimum']}")
    if "enum" in schema:
        limits.append(" or ".join(str(value) for value in schema["enum"]))
    if "default" in schema:
        limits.append(f"{schema['default']} if left out")
    return ", ".join(limits)


def _answer(status: str, response: Json) -> Answer:
    examples = [(example["summary"], _shown(example["value"])) for kind in response.get("content", {}).values()
                for example in kind.get("examples", {}).values()]
    return Answer(status, inline(response["description"]), examples, good=status < "400")


def _shown(value: Any) -> str:
    """On one line where it is short."""
    line = json.dumps(value, ensure_ascii=False)
    return line if len(line) <= 76 else json.dumps(value, indent=2, ensure_ascii=False)


def _example(document: Json, path: str, operation: Json) -> Json:
    """Path, headers and body, from the examples of the parameters and the body and from the first credential."""
    given = [each for each in _parameters(document, operation) if "example" in each]
    query = urlencode({each["name"]: each["example"] for each in given if each["in"] == "query"})
    for each in given:
        path = path.replace(f"{{{each['name']}}}", str(each["example"]))
    body = next((example["value"] for example in _body(operation).get("examples", {}).values()), None)
    ways = [next(iter(way), "") for way in operation["security"] if way or body is not None]
    token = SCHEMES[ways[0]][1] if ways and ways[0] else ""
    return {"path": f"{path}?{query}" if query else path, "body": body, "headers": [f"Authorization: Bearer ${token}"] if token else []}


def _parameters(document: Json, operation: Json) -> list[Json]:
    return [_resolved(document, each) for each in operation.get("parameters", ())]


def _body(operation: Json) -> Json:
    kinds: list[Json] = list(operation.get("requestBody", {}).get("content", {}).values())
    return kinds[0] if kinds else {}


def _resolved(document: Json, node: Json) -> Json:
    while "$ref" in node:
        _, *steps = node["$ref"].split("/")
        node = document
        for step in steps:
            node = node[step]
    return node
