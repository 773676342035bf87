"""What an engine gives up for another's sake is run again, what may stand is not; and where the store is, when several servers keep it."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from tests.conftest import BROWSER, at_once
from webadmin.accounts import mass, signin, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account, Change, Role
from webadmin.store import database, pools

RAISED = {"postgresql": "DO $$ BEGIN RAISE EXCEPTION 'tried' USING ERRCODE = '{state}'; END $$",
          "mariadb": "SIGNAL SQLSTATE '{state}' SET MYSQL_ERRNO = {number}"}
SOON_SECONDS = 10


@pytest.fixture(params=["postgresql", "mariadb"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def failing(engine: str, state: str, number: int) -> Callable[[], None]:
    """A transaction that the engine itself ends with this error."""
    def work() -> None:
        with database.transaction():
            users.create({"username": "half"}, "three green boats at dawn", by=COMMAND_LINE)
            database.proxy.obj.execute_sql(RAISED[engine].format(state=state, number=number))
    return work


def runs(work: Callable[[], object]) -> int:
    """How often `work` was run before its error was told."""
    done = []

    def counted() -> None:
        done.append(1)
        work()
    with pytest.raises(database.Unavailable):
        database.again(counted)
    return len(done)


@pytest.mark.parametrize("state, number", [("40001", 1213), ("40P01", 1213)], ids=["serialization", "deadlock"])
def test_what_the_engine_gave_up_is_run_four_times_at_most_and_leaves_nothing(store, state, number):
    assert runs(failing(store.engine, state, number)) == 4
    assert not Account.select().exists() and not Change.select().exists()


def test_another_failure_is_told_at_once(store):
    assert runs(failing(store.engine, "55P03", 1205)) == 1


def test_a_name_that_is_there_already_says_nothing_against_the_store(store, ada):
    with pytest.raises(database.IntegrityError), database.transaction():
        Account.insert(object_id="0" * 24, username="ada", username_key="ada", display_name="", display_key="", created_at=1, updated_at=1).execute()
    assert database.can_write()


def test_nothing_is_run_again_once_something_stands(store, ada):
    giving_up = failing(store.engine, "40001", 1213)

    def work() -> None:
        users.update(ada, {"first_name": "Ada"}, by=COMMAND_LINE)
        giving_up()
    assert runs(work) == 1
    assert Change.select().where(Change.kind == "updated").count() == 1


def test_a_request_that_loses_a_deadlock_is_answered_all_the_same(store, desk, bob, caplog):
    """The request holds ada and waits for bob; somebody else holds bob and then wants ada. The engine gives up the request."""
    address, other = f"/users/{bob.id}/edit", pools.of(store.url)
    desk.get(address)
    with other.connection_context(), caplog.at_level("DEBUG", "peewee"):
        with other.atomic():
            for _ in range(20):      # MariaDB gives up whoever has done less
                other.execute_sql(f"UPDATE account SET first_name = CONCAT(first_name, 'x') WHERE id = {bob.id}")
            request = threading.Thread(target=desk.send, args=(address,), kwargs={"last_name": "Lee"})
            request.start()
            _wait_for(lambda: caplog.text.count("FOR UPDATE") == 2)
            time.sleep(0.1)      # asked for, and by now waited for
            other.execute_sql("SELECT id FROM account WHERE username = 'ada' FOR UPDATE")
        request.join(SOON_SECONDS)
    other.close_all()
    assert caplog.text.count("FOR UPDATE") > 3, "the request was not run again"
    saved = users.find(bob.id)
    assert saved.last_name == "Lee" and saved.first_name == "" and saved.version == 2
    assert Change.select().where((Change.kind == "updated") & (Change.account_id == bob.id)).count() == 1


def _wait_for(happened: Callable[[], bool]) -> None:
    last_moment = time.monotonic() + SOON_SECONDS
    while not happened():
        assert time.monotonic() < last_moment
        time.sleep(0.01)


def test_a_change_of_all_accounts_and_sign_ins_do_not_block_each_other(store, ada, by_ada):
    """Many rows: few are not read along an index, in which the changed entries are."""
    rows = [{"object_id": f"{number:024x}", "username": f"p{number}", "username_key": f"p{number}", "display_name": "", "display_key": f"p{number}",
             "role": Role.ADMINISTRATOR if number % 10 == 0 else Role.USER, "created_at": number, "updated_at": number} for number in range(300)]
    Account.insert_many(rows).execute()
    people = list(Account.select().order_by(Account.id))

    def sign_in() -> None:
        for account in people[::3]:
            signin.welcome(account, by=BROWSER)

    def change_all() -> None:
        for number in range(6):
            mass.update({"last_name": f"Todd {number}"}, by=by_ada)

    def disable_and_enable() -> None:
        for _ in range(10):
            users.disable(people[1], by=by_ada)
            users.enable(people[1], by=by_ada)
    assert at_once(sign_in, change_all, sign_in, disable_and_enable) == [None] * 4


def test_a_socket_takes_the_place_of_the_host():
    mariadb = pools.of("mariadb://ada@%2Frun%2Fmysqld.sock/name").connect_params
    assert mariadb["unix_socket"] == "/run/mysqld.sock" and "host" not in mariadb
    assert pools.of("postgresql://ada@%2Frun%2Fpostgresql/name").connect_params["host"] == "/run/postgresql"
