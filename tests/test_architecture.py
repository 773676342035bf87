"""The house holds together: who imports whom, how long things are, what templates and stylesheets may hold."""
from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = sorted((ROOT / "webadmin").rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STYLES = sorted((ROOT / "static" / "css").glob("*.css"))
LONGEST_FILE, LONGEST_FUNCTION, LONGEST_TEMPLATE, LONGEST_LINE = 250, 30, 60, 140
LONG_FILES = {"accounts/users.py"}      # one subject, and little over
LONG_FUNCTIONS: set[str] = set()
WRITE_UNASKED = {      # the writes of accounts/ that ask nobody's role, and why they may
    "who signs in, out or on has proved it": "passkeys.sign_in steps.begin steps._attempt sessions.start sessions.resume sessions.renew "
        "sessions.sign_out signin.admit signin.confirm signin.confirm_by signin.welcome signin._hash_anew tokens.start tokens.revoke tokens.end",
    "it counts strangers": "throttle.take throttle.take_from throttle.give_back registration.count read_only.record",
    "nobody has an account yet": "links.make_set_up users.create_first_administrator",
    "the program asks itself": "expiry._remove expiry._cut_log expiry._cut copying._fill keyring.remember verification.note tallies.can_be_written",
    "its caller has asked": "applying.apply",
}
WEB = {"flask", "werkzeug", "wtforms", "flask_wtf", "flask_login", "jinja2", "markupsafe"}


def named(path: Path) -> str:
    return path.relative_to(ROOT / "webadmin").as_posix()


def imports(path: Path) -> set[str]:
    """Every module that a file names in an import, with its package: `webadmin.accounts.users`, `flask`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = ["webadmin", *path.relative_to(ROOT / "webadmin").parts[:-1]][: -(node.level - 1) or None] if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


def within(path: Path, *folders: str) -> bool:
    return path.relative_to(ROOT / "webadmin").parts[0] in folders


@pytest.mark.parametrize("path", [each for each in CODE if within(each, "accounts", "store", "settings.py", "migrations")], ids=named)
def test_the_rules_know_nothing_of_the_web(path):
    assert not {name.partition(".")[0] for name in imports(path)} & WEB
    assert not {name for name in imports(path) if re.match(r"webadmin\.(pages|api|caller|failures|security|commands|start|look|serving)\b", name)}


@pytest.mark.parametrize("path", [each for each in CODE if within(each, "pages", "api")], ids=named)
def test_pages_and_contracts_never_import_each_other_nor_one_page_another(path):
    own, other = ("pages", "api") if within(path, "pages") else ("api", "pages")
    assert not {name for name in imports(path) if name.startswith(f"webadmin.{other}")}
    if path.name != "__init__.py" and own == "pages":
        doors = {each.stem for each in path.parent.glob("*.py") if re.search(r"^pages = ", each.read_text(), re.MULTILINE)}
        assert not {name.split(".")[2] for name in imports(path) if name.startswith("webadmin.pages.")} & doors


@pytest.mark.parametrize("path", [each for each in CODE if within(each, "caller.py", "failures.py", "security.py", "commands", "start.py", "look.py")], ids=named)
def test_what_stands_below_the_doors_does_not_import_them(path):
    assert not {name for name in imports(path) if name.startswith(("webadmin.pages", "webadmin.api"))}


@pytest.mark.parametrize("path", [each for each in CODE if within(each, "pages", "api", "health.py", "status.py")], ids=named)
def test_doors_hold_no_query(path):
    assert not {name.partition(".")[0] for name in imports(path)} & {"peewee", "playhouse", "sqlite3"}
    assert not re.search(r"\.(select|where|insert|execute|execute_sql)\(", path.read_text())


def test_the_settings_import_nothing_of_ours():
    assert not {name for name in imports(ROOT / "webadmin" / "settings.py") if name.startswith("webadmin")}


@pytest.mark.parametrize("module, owner", [("bcrypt", "accounts/passwords.py"), ("jwt", "accounts/tokens.py"), ("waitress", "serving/server.py serving/connections.py serving/listener.py serving/answers.py serving/bodies.py serving/refusals.py serving/sharing.py serving/logs.py")])
def test_some_modules_have_one_owner(module, owner):
    assert {named(path) for path in CODE if module in {name.partition(".")[0] for name in imports(path)}} <= set(owner.split())


@pytest.mark.parametrize("path", CODE, ids=named)
def test_files_functions_and_lines_are_short(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= LONGEST_FILE or named(path) in LONG_FILES, f"{len(lines)} lines"
    assert all(len(line) <= LONGEST_LINE for line in lines), [number for number, line in enumerate(lines, 1) if len(line) > LONGEST_LINE]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= LONGEST_FUNCTION or f"{named(path)}:{node.name}" in LONG_FUNCTIONS, f"{node.name} has {length} lines"


def of_accounts() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function and method of accounts/, by its module and name."""
    for path in (each for each in CODE if within(each, "accounts")):
        body = ast.parse(path.read_text()).body
        for node in [*body, *(inner for outer in body if isinstance(outer, ast.ClassDef) for inner in outer.body)]:
            if isinstance(node, ast.FunctionDef):
                yield f"{path.stem}.{node.name}", node


@pytest.mark.parametrize("path", [each for each in CODE if within(each, "accounts")], ids=named)
def test_every_module_of_rules_says_what_it_is_about(path):
    assert path.name == "__init__.py" or ast.get_docstring(ast.parse(path.read_text()))


def test_every_write_asks_whether_its_caller_may():
    writing = {name: ast.unparse(node) for name, node in of_accounts() if "database.transaction()" in ast.unparse(node)}
    unasked = {name for name, text in writing.items() if not re.search(r"\bby\.(must_(be_administrator|own|be)\(|is_administrator\b)", text)}
    assert unasked == {name for names in WRITE_UNASKED.values() for name in names.split()}


def test_who_acts_is_named_and_never_for_nothing():
    for name, node in of_accounts():
        assert node.name.startswith("_") or "by" not in [each.arg for each in node.args.args[1:]], f"{name} takes by= as a keyword only"
        if "by" in [each.arg for each in node.args.kwonlyargs]:
            assert "by" in [each.id for each in ast.walk(node) if isinstance(each, ast.Name)], f"{name} takes by= and does nothing with it"


def test_no_module_has_a_name_that_says_nothing():
    assert not {path.stem for path in CODE} & {"utils", "helpers", "common", "manager", "data", "process", "misc", "lib"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_templates_are_short_and_hold_nothing_inline(path):
    text = re.sub(r"{#.*?#}", "", path.read_text(), flags=re.DOTALL)
    if "components" not in path.parts:
        assert not re.search(r"<(input|select|textarea)\b", text), "fields live in components/"
        assert len(text.splitlines()) < LONGEST_TEMPLATE
    assert not re.search(r"""<style|\sstyle=|\son[a-z]+\s*=|javascript:|<script(?![^>]*\ssrc=)|https?://(?!\S*{{)""", text)
    assert "|safe" not in text.replace(" ", "") and "autoescape" not in text


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_stylesheets_need_no_force(path):
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    assert "!important" not in text and "@import" not in text  and not re.search(r"url\(\W?https?:", text)
    assert not [line for line in re.findall(r"[^{};]+(?={)", text) if re.search(r"(^|[\s>+~,(])#[A-Za-z]", line)], "no id selectors"
    assert "@layer" in text
