"""docs/contracts.md shows real answers: its lines for curl run here, in order, against a started server, and must be answered as it says.

`python -m tests.test_docs --write` puts the answers of now into the page. What differs from run to run is shortened to `…` in both.
"""
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.running import PASSWORD, ROOT, server
from webadmin import documents

PAGE = ROOT / "docs" / "contracts.md"
SHOWN_ADDRESS = "http://127.0.0.1:5000"
# a block of lines to run, and the answer that the page shows below it
BLOCK = re.compile(r"```sh\n(?P<lines>.*?)```\n(?:\n```text\n.*?```\n)?", re.DOTALL)
HEADERS = ("location", "allow", "retry-after", "www-authenticate", "set-cookie")      # those that the page shows
CHANGING = {
    r"\$2b\$\d\d\$[./A-Za-z0-9]{53}": "$2b$12$…",      # a bcrypt hash
    r"eyJ[\w-]+\.[\w-]+\.[\w-]+": "eyJ…",              # a JWT
    r'"[\w-]{43}"': '"…"',                             # an opaque token
    r'"[0-9a-f]{24}"': '"…"',                          # an object id
    r"(?<=Expires=)[^;]+": "…",
    r"(?<=Retry-After: )\d+": "…",
}
# what every block runs in: curl says no more than the answer, and its status and headers go to a file
SHELL = """
curl() { command curl --silent --show-error --max-time 20 --dump-header headers --output body "$@"; }
set -ae
%s
set +a
env -0 > environment
"""


class Reader:
    """Somebody who copies every block into one shell, and keeps each answer's tokens in variables of their names."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder
        self.variables = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder)}

    def run(self, lines: str) -> str:
        """The answer to the last curl of these lines as the page shows it; empty where there is none."""
        for name in ("headers", "body"):
            (self.folder / name).write_text("")
        subprocess.run(["bash", "-c", SHELL % lines.replace(SHOWN_ADDRESS, self.address)], cwd=self.folder, env=self.variables, check=True)
        self.variables = dict(each.split("=", 1) for each in (self.folder / "environment").read_text().split("\0") if "=" in each)
        return self._answer() if "curl " in lines else ""

    def _answer(self) -> str:
        opening, *headers = (self.folder / "headers").read_text().strip().split("\r\n\r\n")[-1].splitlines()
        shown = [opening.split()[1], *(_in_order(header) for header in headers if header.split(":")[0].lower() in HEADERS)]
        body = (self.folder / "body").read_text()
        if body:
            found = json.loads(body)
            self.variables |= {name.upper(): found[name] for name in ("token", "access_token", "refresh_token") if name in found}
            shown.append(_on_few_lines(found))
        return _shortened("\n".join(shown)).replace(self.address, SHOWN_ADDRESS)


def rewritten(page: str, reader: Reader) -> str:
    """The page with the answers of now."""
    def block(found: re.Match[str]) -> str:
        answer = reader.run(found["lines"])
        return f"```sh\n{found['lines']}```\n" + (f"\n```text\n{answer}\n```\n" if answer else "")
    return BLOCK.sub(block, page)


def test_every_answer_of_the_page_is_the_one_that_the_server_gives(tmp_path: Path) -> None:
    if shutil.which("curl") is None or shutil.which("bash") is None:
        (pytest.fail if os.environ.get("WEBADMIN_TEST_ALL") else pytest.skip)("curl or bash is not installed")
    page = PAGE.read_text()
    with server(tmp_path) as address:
        assert rewritten(page, Reader(address, tmp_path)).splitlines() == page.splitlines()


@pytest.mark.parametrize("name", documents.NAMES)
def test_every_route_has_a_line_for_curl(name: str) -> None:
    sent = _requests("".join(found["lines"] for found in BLOCK.finditer(PAGE.read_text())))
    for path, item in documents.read(name)["paths"].items():
        pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
        for method in item:
            assert any(each == method.upper() and pattern.fullmatch(to) for each, to in sent), f"{method.upper()} {path}"


def test_the_page_names_the_password_that_the_server_was_started_with() -> None:
    assert PASSWORD in PAGE.read_text()


def _requests(lines: str) -> set[tuple[str, str]]:
    """Method and path of each line, where curl's own rules decide: -d posts, -I heads, else it gets."""
    found = set()
    for line in re.findall(r"^\s*curl .*", lines.replace("\\\n", " "), re.MULTILINE):
        method = re.search(r"-X (\w+)", line)
        path = re.search(r"\$SERVER(/[^\s\"'?]*)", line)
        assert path, line
        found.add((method[1] if method else "POST" if re.search(r" -d |--data", line) else "GET", path[1]))
    return found


def _in_order(header: str) -> str:
    """The methods of Allow come in any order."""
    name, _, value = header.partition(": ")
    return f"Allow: {', '.join(sorted(value.split(', ')))}" if name == "Allow" else header


def _on_few_lines(value: object) -> str:
    """Short things on one line, long ones a member a line."""
    line = json.dumps(value, ensure_ascii=False)
    return line if len(_shortened(line)) <= 110 else json.dumps(value, ensure_ascii=False, indent=2)


def _shortened(text: str) -> str:
    for pattern, shown in CHANGING.items():
        text = re.sub(pattern, shown, text)
    return text


def write() -> None:
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as address:
        PAGE.write_text(rewritten(PAGE.read_text(), Reader(address, Path(folder))))


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("python -m tests.test_docs --write")
    write()
