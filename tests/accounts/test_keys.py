from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from webadmin.accounts import keys

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _the_keys_of_the_other_tests(template):
    yield
    keys.load(template / "keys")


def test_keys_are_made_once_for_their_owner_alone(tmp_path):
    keys.load(tmp_path / "keys")
    made = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    assert set(made) == set(keys.NAMES) and len(set(made.values())) == len(made)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 and path.stat().st_size == 64 for path in (tmp_path / "keys").iterdir())
    keys.load(tmp_path / "keys")
    assert all((tmp_path / "keys" / name).read_bytes() == key for name, key in made.items())


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o610])
def test_a_key_that_others_can_read_is_refused(tmp_path, mode):
    keys.load(tmp_path / "keys")
    (tmp_path / "keys" / "log").chmod(mode)
    with pytest.raises(keys.KeyRefused, match="chmod 600"):
        keys.load(tmp_path / "keys")


def test_a_folder_that_others_can_open_is_refused(tmp_path):
    keys.load(tmp_path / "keys")
    (tmp_path / "keys").chmod(0o755)
    with pytest.raises(keys.KeyRefused, match="chmod 700"):
        keys.load(tmp_path / "keys")


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 63, b"x" * 65, b"\0" * 64, b"change-me" * 8, b"ab" * 32])
def test_a_short_or_trivial_key_is_refused_and_left_as_it_is(tmp_path, content):
    keys.load(tmp_path / "keys")
    (tmp_path / "keys" / "cookies").write_bytes(content)
    with pytest.raises(keys.KeyRefused, match="64 random bytes"):
        keys.load(tmp_path / "keys")
    assert (tmp_path / "keys" / "cookies").read_bytes() == content


def test_two_processes_that_start_at_once_make_one_key(tmp_path):
    say = "import sys, pathlib; from webadmin.accounts import keys; keys.load(pathlib.Path(sys.argv[1])); print(keys.of('tokens').hex())"
    running = [subprocess.Popen([sys.executable, "-c", say, str(tmp_path / "keys")], stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(4)]
    assert len({process.communicate()[0] for process in running}) == 1
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == sorted(keys.NAMES), "drafts are removed"


def test_a_digest_depends_on_purpose_text_and_key(tmp_path):
    keys.load(tmp_path / "one")
    here = keys.digest("source", "x")
    assert here == keys.digest("source", "x") != keys.digest("name", "x") and keys.digest("a", "b\0c") != keys.digest("a\0b", "d")
    keys.load(tmp_path / "other")
    assert keys.digest("source", "x") != here


def test_the_key_of_tokens_is_changed_on_one_server_after_the_other(tmp_path):
    """As docs/deployment.md says: at each step both servers take what either has signed, then or before."""
    keys.load(tmp_path / "one")
    keys.load(tmp_path / "elsewhere")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    servers, signed = (tmp_path / "one", tmp_path / "two"), [keys_of(tmp_path / "one")]
    for take_step in (lambda folder: shutil.copy(tmp_path / "elsewhere" / "jwt", folder / "jwt.next"),
                      lambda folder: ((folder / "jwt").rename(folder / "jwt.old"), (folder / "jwt.next").rename(folder / "jwt"))):
        for folder in servers:
            take_step(folder)
            signed += [keys_of(each) for each in servers]
            for each in servers:
                keys.load(each)
                assert all(keys.jwt_verifying(kid) == key for kid, key in signed)
    assert len(set(signed)) == 2 and keys_of(servers[0]) == keys_of(servers[1]) != signed[0]


def keys_of(folder: Path) -> tuple[str, bytes]:
    keys.load(folder)
    return keys.jwt_signing()
