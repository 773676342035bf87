from __future__ import annotations

import pytest

from tests.conftest import PASSWORD, at_once, kinds
from webadmin.accounts import links, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.errors import LinkUsed
from webadmin.accounts.models import Account, Link


def test_a_link_is_good_once(store):
    token = links.make_set_up()
    assert len(token) == 43
    links.look(links.SET_UP, token)
    links.look(links.SET_UP, token)
    links.use_up(links.SET_UP, token)
    for read in (links.look, links.use_up):
        with pytest.raises(LinkUsed):
            read(links.SET_UP, token)


def test_only_the_newest_set_up_link_is_good(store):
    old, new = links.make_set_up(), links.make_set_up()
    links.look(links.SET_UP, new)
    with pytest.raises(LinkUsed):
        links.look(links.SET_UP, old)


def test_a_link_is_good_for_an_hour(store, clock):
    token = links.make_set_up()
    clock(minutes=59)
    links.look(links.SET_UP, token)
    clock(minutes=1)
    with pytest.raises(LinkUsed):
        links.look(links.SET_UP, token)


def test_the_store_holds_only_a_keyed_digest(store):
    token = links.make_set_up()
    assert token not in str([row.__data__ for row in Link.select()])
    with pytest.raises(LinkUsed):
        links.look(links.SET_UP, Link.select().first().digest)


@pytest.mark.parametrize("purpose, token", [("reset", None), (links.SET_UP, ""), (links.SET_UP, "x" * 43), (links.SET_UP, "\ud800"), (links.SET_UP, "\0")])
def test_another_purpose_or_token_is_no_link(store, purpose, token):
    made = links.make_set_up()
    with pytest.raises(LinkUsed):
        links.look(purpose, made if token is None else token)


def test_two_who_use_a_link_at_once_make_one_administrator(store):
    token = links.make_set_up()
    make = [lambda name=name: users.create_first_administrator(name, "", PASSWORD, by=COMMAND_LINE, token=token) for name in ("ada", "eve")]
    results = at_once(*make)
    assert kinds(results) == ["Account", "LinkUsed"] and Account.select().count() == 1, results
