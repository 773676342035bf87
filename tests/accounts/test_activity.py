"""The log as it is read: filters and pages show exactly the entries that they should, in their order."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import BROWSER
from webadmin.accounts import activity, mass, signin, users
from webadmin.accounts.activity import Filter
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Change, Detail


@pytest.fixture
def life(ada, bob, carol, by_ada):
    """Entries of every sort: made, changed by others and by themselves, one by one and all at once."""
    for number in range(4):
        users.update(bob, {"first_name": f"bob {number}"}, by=by_ada)
        signin.welcome(bob, by=BROWSER)
        users.update(carol, {"first_name": f"carol {number}"}, by=BROWSER.as_account(carol))
        mass.update({"last_name": f"all {number}"}, by=by_ada)
    users.disable(carol, by=COMMAND_LINE)


def expected(wanted: Callable[[Change], bool]) -> list[int]:
    return [row.id for row in Change.select().order_by(Change.id.desc()) if wanted(row)]


def concerned(number: int) -> Callable[[Change], bool]:
    return lambda row: row.account_id == number or Detail.select().where((Detail.change_id == row.id) & (Detail.account_id == number)).exists()


def shown(**given) -> list[int]:
    """Through all pages of three, forwards; and the same backwards."""
    pages = [activity.page(Filter(per_page=3, **given))]
    while pages[-1].after is not None:
        pages.append(activity.page(Filter(per_page=3, after=pages[-1].after, **given)))
    forwards = [entry.change.id for page in pages for entry in page.entries]
    back = [activity.page(Filter(per_page=3, before=0, **given))]
    while back[0].before is not None:
        back.insert(0, activity.page(Filter(per_page=3, before=back[0].before, **given)))
    assert [entry.change.id for page in back for entry in page.entries] == forwards
    return forwards


def test_the_entries_about_an_account_are_those_that_name_it_or_changed_it(life, bob, carol):
    for account in (bob, carol):
        about = concerned(account.id)
        assert shown(account=account.id) == expected(about) != []
        assert shown(account=account.id, kind="mass-updated") == expected(lambda row: about(row) and row.kind == "mass-updated")
        assert shown(account=account.id, group="sign-in") == expected(lambda row: about(row) and row.group == "sign-in")
        assert [entry.change.id for entry in activity.history(account, 5)] == expected(lambda row: about(row) and row.group == "change")[:5]


def test_a_person_is_looked_for_among_those_who_acted_too(life, ada, bob, carol):
    for account in (ada, carol):
        about = concerned(account.id)
        assert shown(person=account.username) == expected(lambda row: about(row) or row.actor_id == account.id)
    both = expected(lambda row: concerned(bob.id)(row) and (concerned(ada.id)(row) or row.actor_id == ada.id))
    assert shown(account=bob.id, person="ada") == both != []


def test_times_bound_the_entries_of_an_account_too(life, bob):
    about, times = concerned(bob.id), [row.at for row in Change.select().order_by(Change.id)]
    since, until = times[5], times[-3]
    first, last = (next(row.id for row in Change.select().order_by(Change.at, Change.id) if row.at >= time) for time in (since, until))
    assert shown(account=bob.id, since=since, until=until) == expected(lambda row: about(row) and first <= row.id < last)
