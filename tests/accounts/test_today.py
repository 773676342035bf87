"""What each policy does today, and what a change would take away, on every engine."""
from __future__ import annotations

from dataclasses import replace

from tests.conftest import BROWSER
from webadmin.accounts import policies, sessions, today
from webadmin.accounts.policies import Policies
from webadmin.store import condition


def test_every_policy_but_those_of_backups_has_a_sentence(ada, bob):
    said = today.sentences(Policies())
    assert set(said) == {name for name in policies.POLICIES if not name.startswith("backup_")}
    assert all(sentence.endswith(".") and "{" not in sentence for sentence in said.values())
    assert said["directory"] == "Ordinary accounts: 1. Each would see all 2." and said["second_factor"] == "Administrators who have none: 1 (ada)."


def test_the_oldest_sessions_are_told(bob, clock):
    for remember in (False, True):
        sessions.start(bob, by=BROWSER, user_agent="", remember=remember)
    clock(minutes=41)
    said = today.sentences(Policies())
    assert said["idle_minutes"] == "1 such session, the longest unused for 41 minutes."
    assert said["session_hours"] == said["remember_days"] == "1 such session, the longest signed in for 41 minutes."


def test_what_a_change_would_take_away_is_counted(ada, bob, clock):
    for remember in (False, False, True):
        sessions.start(bob, by=BROWSER, user_agent="", remember=remember)
    clock(minutes=41)
    before = Policies()
    assert today.losses(before, before) == []
    assert today.losses(before, replace(before, idle_minutes=30)) == ["2 sessions would end."]
    assert today.losses(before, replace(before, idle_minutes=50, remember_days=1, session_hours=1)) == []
    clock(days=3)
    assert today.losses(before, replace(before, remember_days=2)) == ["1 session would end."], "the others have ended already"
    assert today.losses(before, replace(before, log_days=4)) == []
    assert today.losses(before, replace(before, log_days=2)) == ["1 entry of the log would go for good."], "the newest always stays"


def test_the_engine_says_how_it_really_works(store):
    facts = condition.facts()
    assert len(facts) >= 3 and all(fact.found and fact.wanted for fact in facts)
    assert condition.version().split()[0].lower() == store.engine and (condition.size() is None) == (store.engine != "sqlite")
    if store.engine == "sqlite":
        assert all(fact.well for fact in facts)
