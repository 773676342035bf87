"""/healthz and /metrics: what machines that watch are told, and nothing else."""
from __future__ import annotations

from dataclasses import replace

import pytest

from tests import unwritable
from tests.conftest import PASSWORD
from webadmin import counters, create_app, health
from webadmin.accounts import hashing, sessions
from webadmin.accounts.actors import Actor
from webadmin.accounts.changes import Kind
from webadmin.accounts.models import Throttle
from webadmin.store import condition, database, pools

TOKEN = "a-token-of-the-watchers-1"


@pytest.fixture(autouse=True)
def asked_long_ago():
    health._last["at"] = -health.REMEMBERED_SECONDS
    yield
    health._last["at"] = -health.REMEMBERED_SECONDS


@pytest.fixture
def client(app, store):
    return app.test_client()


@pytest.fixture
def read_only(monkeypatch, store):
    """A store that can be read and not written, as after its file system was mounted read-only."""
    database.proxy.obj.close()
    database.forget_connections()
    monkeypatch.setattr(pools, "PRAGMAS", [*pools.PRAGMAS, ("query_only", 1)])
    database.bind(store.url)
    database.proxy.obj.connect()


def test_it_is_well_before_the_set_up_too(client, monkeypatch):
    monkeypatch.setattr(hashing, "in_turn", lambda work: pytest.fail("no hashing here"))
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"}) and answer.headers["Cache-Control"] == "no-store"
    assert Throttle.select().count() == 0


def test_it_is_not_well_when_nothing_can_be_written(client, read_only):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (503, {"status": "unavailable"})


def test_it_is_not_well_when_the_disk_is_full(client, monkeypatch):
    monkeypatch.setattr(condition, "room", lambda: 4096)
    assert client.get("/healthz").status_code == 503


def test_it_is_not_well_without_its_tables(client):
    database.proxy.obj.execute_sql("ALTER TABLE throttle RENAME TO elsewhere")
    assert client.get("/healthz").status_code == 503


def test_a_store_that_cannot_be_written_is_read_all_the_same(desk, bob, request, clock):
    request.getfixturevalue("read_only")
    clock(minutes=2)      # the session's last use would be written now
    desk.get("/users")
    desk.get(f"/users/{bob.id}")
    desk.post(f"/users/{bob.id}/disable", 503)
    assert b"cannot be reached or written just now" in desk.answer.data


def test_the_sign_in_page_opens_and_a_sign_in_is_refused_plainly(client, ada, read_only):
    page = client.get("/login")
    assert page.status_code == 200
    answer = client.post("/api/v1/login", json={"login": "ada", "password": PASSWORD})
    assert answer.status_code == 503 and "database" in answer.text and int(answer.headers["Retry-After"]) > 0


def test_who_finds_it_read_only_signs_in_reads_and_signs_out(app, settings, ada, bob, browser):
    with unwritable.store(settings.data):
        browser.sign_in("ada")
        assert "Bob Li" in browser.get("/users").text and browser.get("/me").h1
        browser.post("/logout")
        assert not browser.signed_in()
    browser.sign_in("ada").get("/users")


def test_what_would_change_a_read_only_store_is_refused_plainly(settings, desk, bob):
    with unwritable.store(settings.data):
        desk.get("/users")
        desk.post(f"/users/{bob.id}/disable", 503)
        assert "The database is read-only just now" in desk.page.text


def test_scripts_with_basic_read_a_read_only_store(client, settings, ada, bob):
    with unwritable.store(settings.data):
        assert client.get("/api/v2/users", auth=("ada", PASSWORD)).json == {"users": ["ada", "bob"]}
        assert client.get("/api/v2/users", auth=("ada", "wrong password")).status_code == 401
        answer = client.delete("/api/v2/users/bob", auth=("ada", PASSWORD))
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("host", ["10.0.0.11:5000", "127.0.0.1:5000", "accounts.example.com"])
def test_a_proxy_asks_by_the_servers_own_address_and_plain_http(settings, store, host):
    behind = create_app(replace(settings, url="https://accounts.example.com", proxies=1, metrics_token=TOKEN))
    with behind.test_client() as client:
        assert client.get("/healthz", headers={"Host": host}).status_code == 200
        assert client.get("/metrics", headers={"Host": host, "Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert client.get("/metrics", headers={"Host": host}).status_code == 401
        assert client.get("/healthz", headers={"Host": "a b"}).status_code == 400
        assert client.get("/login", headers={"Host": host}).status_code in (308, 400)


def test_sign_ins_are_counted_by_every_kind_that_the_log_knows():
    kinds = {kind.word for kind in Kind if kind.group != "change"}
    assert kinds == set(counters.EVENTS) - {"change"} == set(health.KINDS) | {"signed-out"}


def test_there_are_no_metrics_without_a_token(client):
    assert client.get("/metrics").status_code == 404


@pytest.mark.parametrize("given", ["", "Bearer wrong", f"Basic {TOKEN}", "Bearer \xff", TOKEN])
def test_metrics_open_to_their_token_alone(client, app, settings, given):
    app.config["SETTINGS"] = replace(settings, metrics_token=TOKEN)
    answer = client.get("/metrics", headers={"Authorization": given})
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_metrics_count(client, app, settings, ada, bob):
    app.config["SETTINGS"] = replace(settings, metrics_token=TOKEN)
    counters.take_place(0)

    def values() -> dict[str, float]:
        text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if not line.startswith("#")}
    before = values()
    for word in (PASSWORD, "a wrong password"):
        client.post("/api/v1/login", json={"login": "bob", "password": word})
    sessions.start(bob, by=Actor(door="browser"), user_agent="")
    counters.request(200, 0.003)
    counters.request(503, 20)
    after = values()
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    expected = {'webadmin_requests_total{status="2xx"}': 1, 'webadmin_requests_total{status="5xx"}': 1, "webadmin_sessions": 1,
                'webadmin_sign_ins_total{outcome="ok"}': 1, 'webadmin_sign_ins_total{outcome="refused"}': 1,
                'webadmin_request_seconds_bucket{le="0.005"}': 1, 'webadmin_request_seconds_bucket{le="+Inf"}': 2,
                "webadmin_request_seconds_count": 2}
    assert expected.items() <= grown.items() and round(grown["webadmin_request_seconds_sum"], 3) == 20.003
    assert after["webadmin_processes"] >= 1 and after["webadmin_hashing"] == 0
    counters.put(connections=3)
    assert values()["webadmin_connections"] == 3
    counters.put(connections=0)
