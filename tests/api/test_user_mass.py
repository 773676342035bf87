"""user_mass.md, example by example, and what contracts/README.md decides where it is silent."""
from __future__ import annotations

from typing import Any

import bcrypt
import pytest

from tests.api.conftest import NEW_PASSWORD, Script, all_rows, claims, every_engine, named, row
from tests.conftest import BROWSER, PASSWORD, again, at_once, kinds
from webadmin.accounts import mass, policies, sessions, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account, Change, Detail

ADAM = {"user": "SickIGN", "pass": "a short sentence", "fname": "Adam", "lname": "Todd", "email": "todda@rpi.edu"}
UPDATED, DELETED = {"message": "Data successfully updated"}, {"message": "Accounts sucessfully deleted"}
NO_ACCESS = {"message": "You do not have permission to access this resource"}
NO_PERMISSION = {"message": "You do not have permission to perform this action"}


@every_engine
def test_every_documented_request_has_its_documented_answer(script: Script, ada, api_token, engine):
    moved = script.call("POST", "/user", body=ADAM, status=308)
    assert moved.headers["Location"] == "/auth" and moved.json == {"message": "Moved to /auth"}
    made = script.call("POST", "/auth", body=ADAM, status=201).json
    assert list(made) == ["message", "token"] and made["message"] == "Sign up sucessful"
    adam, token = named("SickIGN"), api_token(ada)
    assert (adam.first_name, adam.last_name, adam.email, adam.role) == ("Adam", "Todd", "todda@rpi.edu", 1)
    everyone = [{"uid": ada.id, "email": "ada@example.com"}, {"uid": adam.id, "email": "todda@rpi.edu"}]
    assert script.call("GET", f"/user?token={token}", status=200).json == {"message": "Success", "data": everyone}
    assert script.call("GET", f"/user?page=1&token={token}", status=200).json == {"message": "Success", "data": []}
    assert script.call("PUT", f"/user?token={token}", body={"fname": "Eve", "lname": "", "pass": NEW_PASSWORD}, status=200).json == UPDATED
    assert [(each["first_name"], each["last_name"]) for each in all_rows()] == [("Eve", "")] * 2
    script.v1("SickIGN", NEW_PASSWORD)
    assert script.call("DELETE", f"/user?token={token}", status=200).json == DELETED
    assert again(adam).deleted_at is not None and again(ada).deleted_at is None
    assert script.call("GET", f"/user?token={token}", status=200).json["data"] == everyone[:1]


def test_who_is_no_administrator_gets_the_documents_401(script: Script, ada, bob, api_token):
    before = all_rows()
    for token in (
        None,
        "",
        "x",
        "x" * 9000,
        "a.b.c",
        api_token(bob),
        script.v1("ada")["refresh_token"],
        script.chirpy("ada")["refresh_token"],
    ):
        words = "" if token is None else f"?token={token}"[:8000]
        ways: list[dict[str, Any]] = [{}, {"bearer": token}]
        for way in ways:
            path = words if not way else ""
            assert script.call("GET", f"/user{path}", status=401, **way).json == NO_ACCESS
            assert script.call("PUT", f"/user{path}", body={"fname": "x"}, status=401, **way).json == NO_PERMISSION
            assert script.call("DELETE", f"/user{path}", status=401, **way).json == NO_PERMISSION
    changed = {"last_signed_in_at", "token_hash", "token_digest"}
    assert [{**each, **dict.fromkeys(changed)} for each in all_rows()] == [{**each, **dict.fromkeys(changed)} for each in before]


def test_any_access_token_of_an_administrator_opens_it(script: Script, ada, api_token, mass_token):
    for token in (api_token(ada), mass_token(ada), script.v1("ada")["access_token"], script.chirpy("ada")["token"], script.cookie("ada")):
        script.call("GET", f"/user?token={token}", status=200)
        script.call("GET", "/user", bearer=token, status=200)
        script.call("PUT", "/user", body={"token": token, "fname": "x"}, status=200)
        script.call("PUT", "/user", data={"token": token, "lname": "y"}, status=200)
        script.call("DELETE", "/user", body={"token": token}, status=200)


def test_bearer_counts_before_query_before_body(script: Script, ada, bob, api_token):
    good, bad = api_token(ada), api_token(bob)
    script.call("PUT", f"/user?token={bad}", bearer=good, body={"fname": "x", "token": bad}, status=200)
    for bearer in (bad, "x", ""):
        script.call("PUT", f"/user?token={good}", bearer=bearer, body={"fname": "x", "token": good}, status=401)
    script.call("PUT", f"/user?token={good}", body={"fname": "x", "token": bad}, status=200)
    script.call("PUT", f"/user?token={bad}", body={"fname": "x", "token": good}, status=401)
    script.call("GET", "/user", data={"token": good}, status=401)      # a GET has no body


def test_the_token_is_asked_for_before_the_body_is_judged(script: Script, ada, api_token):
    token = api_token(ada)
    for body in (b"{", b"[]", b"\xff", b'{"fname":1}'):
        script.call("PUT", "/user", body=body, status=401)
        script.call("PUT", f"/user?token={token}", body=body, status=400)
    script.call("DELETE", "/user", body=b"{", status=401)
    script.call("DELETE", f"/user?token={token}", body=b"{", status=200)


def test_the_list_has_fifty_a_page_in_uid_order(script: Script, ada, person, api_token):
    token, made = api_token(ada), [person(f"user{number}") for number in range(60)]
    users.delete(made[5], by=COMMAND_LINE)
    everyone = [ada.id, *(each.id for each in made if each.id != made[5].id)]
    pages = [[each["uid"] for each in script.call("GET", f"/user?page={page}&token={token}").json["data"]] for page in range(3)]
    assert pages == [everyone[:50], everyone[50:], []]
    assert [each["uid"] for each in script.call("GET", f"/user?token={token}").json["data"]] == pages[0]
    for page in ("9" * 18, str(1 << 63), "9" * 4000):
        assert script.call("GET", f"/user?page={page}&token={token}", status=200).json["data"] == []


@pytest.mark.parametrize("page", ["-1", "01", "1e9", "９", "abc", "", "1.0", "+1", "%ff", "%00", "0&page=0", "0x1", " 1", "null"])
def test_a_page_is_a_whole_number_from_zero(script: Script, ada, api_token, page):
    script.call("GET", f"/user?token={api_token(ada)}&page={page}", status=400)


def test_sign_up_takes_json_or_a_form(script: Script, ada):
    script.call("POST", "/auth", body=ADAM, headers={"Content-Type": "text/plain"}, status=201)
    script.call("POST", "/auth", data={**ADAM, "user": "two", "email": "two@rpi.edu"}, status=201)
    script.call("POST", "/auth", data={**ADAM, "user": "three", "email": "three@rpi.edu"}, content_type="multipart/form-data", status=201)
    script.call("POST", "/auth", body={**ADAM, "user": "f@rpi.edu", "email": "f@rpi.edu", "fname": "", "lname": ""}, status=201)
    assert named("f@rpi.edu").display_name == "f@rpi.edu" and named("two").display_name == "Adam Todd"


def test_sign_up_gives_a_token_of_an_hour(script: Script, ada):
    found = claims(script.call("POST", "/auth", body=ADAM, status=201).json["token"])
    assert (found["aud"], found["type"], found["exp"] - found["iat"]) == ("mass", "access", 3600)
    assert set(found) == {"iss", "aud", "sub", "type", "jti", "iat", "nbf", "exp", "sid"}


def test_sign_up_refuses_what_is_missing_taken_or_against_the_rules(script: Script, ada, bob, by_ada):
    for name in ADAM:
        values: list[Any] = [..., None, 5, [], {}]
        for value in values:
            script.call("POST", "/auth", body={key: value if key == name else word for key, word in ADAM.items()
                                               if key != name or value is not ...}, status=400)
    for change in ({"user": ""}, {"email": ""}, {"pass": ""}, {"pass": "short"}, {"user": "a b"}, {"user": "x@rpi.edu"}, {"email": "x"},
                   {"fname": "a\0"}, {"lname": "x" * 256}, {"pass": "SickIGN1"}):
        script.call("POST", "/auth", body={**ADAM, **change}, status=400)
    users.delete(bob, by=by_ada)
    for change in ({"user": "ADA"}, {"email": "Ada@Example.com"}, {"user": "bob"}, {"email": "bob@example.com"}):
        answer = script.call("POST", "/auth", body={**ADAM, **change}, status=403)
        assert answer.json == {"message": "An account already exists with that email"}
    assert Account.select().count() == 2


def test_sign_up_can_be_closed(script: Script, ada):
    policies.change({"registration": "no"}, by=COMMAND_LINE)
    assert script.call("POST", "/auth", body=ADAM, status=403).json == {"message": "Sign up is closed"}
    script.call("POST", "/auth", body={}, status=400)


def test_a_hash_at_sign_up_is_a_password(script: Script, ada):
    hashed = bcrypt.hashpw(b"four", bcrypt.gensalt(4)).decode()
    script.call("POST", "/auth", body={**ADAM, "pass": hashed}, status=201)
    script.v1("SickIGN", hashed)
    script.call("POST", "/api/v1/login", body={"login": "SickIGN", "password": "four"}, status=401)


@pytest.mark.parametrize("kind", ["2a", "2b", "2y"])
def test_a_hash_at_update_is_stored_as_it_is(script: Script, ada, bob, api_token, kind):
    hashed = bcrypt.hashpw(b"from elsewhere", bcrypt.gensalt(4)).decode().replace("$2b$", f"${kind}$")
    script.call("PUT", f"/user?token={api_token(ada)}", body={"pass": hashed}, status=200)
    assert [each["password_hash"] for each in all_rows()] == [hashed, hashed]
    script.v1("bob", "from elsewhere")


def test_a_hash_that_would_take_hours_is_refused_and_the_like_is_a_password(script: Script, ada, api_token):
    token = api_token(ada)
    for cost in ("03", "15", "31", "99"):
        script.call("PUT", f"/user?token={token}", body={"pass": f"$2b${cost}${'a' * 53}"}, status=400)
    for password in ("$2b$12$" + "!" * 53, "$2x$12$" + "a" * 53, "$2b$12$" + "a" * 52, "$2" + "a" * 58):
        script.call("PUT", f"/user?token={token}", body={"pass": password}, status=200)
        script.v1("ada", password)


def test_one_password_is_hashed_once_for_all_and_ends_all_sessions_but_the_callers(script: Script, ada, bob, by_ada):
    pair, others, key = script.v1("ada"), script.v1("bob"), sessions.start(again(bob), by=by_ada, user_agent="")
    mine = sessions.start(again(ada), by=by_ada, user_agent="")
    script.call("PUT", "/user", bearer=pair["access_token"], body={"pass": NEW_PASSWORD}, status=200)
    assert len({each["password_hash"] for each in all_rows()}) == 1
    script.call("GET", "/user", bearer=pair["access_token"], status=200)
    script.call("POST", "/api/v1/refresh", bearer=pair["refresh_token"], status=200)
    script.call("GET", "/api/v1/users", bearer=others["access_token"], status=401)
    assert sessions.resume(key) is None and sessions.resume(mine) is None


def test_fields_come_from_query_form_or_json_each_once(script: Script, ada, bob, api_token):
    token = api_token(ada)
    script.call("PUT", f"/user?token={token}&fname=Query", status=200)
    script.call("PUT", f"/user?token={token}", data={"fname": "Form", "lname": "Form"}, status=200)
    script.call("PUT", f"/user?token={token}&lname=Query", body={"fname": "Json"}, status=200)
    assert {(each["first_name"], each["last_name"]) for each in all_rows()} == {("Json", "Query")}
    for words, options in (("&fname=a&fname=b", {}), ("&fname=a", {"body": {"fname": "a"}}), ("&fname=a", {"data": {"fname": "a"}}),
                           ("", {"data": {"fname": ["a", "b"]}}), ("", {"body": {}}), ("", {}), ("&pass=", {}), ("&user=", {}),
                           ("&new_email=", {}), ("", {"body": {"fname": None}}), ("", {"body": {"role": "2"}}), ("&fname=a%00", {}),
                           ("", {"body": {"fname": "ok", "pass": "short"}})):
        script.call("PUT", f"/user?token={token}{words}", status=400, **options)
    assert {(each["first_name"], each["last_name"]) for each in all_rows()} == {("Json", "Query")}


def test_a_name_is_for_one_account_only(script: Script, ada, bob, api_token):
    token = api_token(ada)
    before = all_rows()
    for body in ({"user": "eve"}, {"new_email": "eve@example.com"}, {"user": "eve", "fname": "x"}):
        script.call("PUT", f"/user?token={token}", body=body, status=400)
    assert all_rows() == before
    script.call("DELETE", f"/user?token={token}", status=200)
    script.call("PUT", f"/user?token={token}", body={"user": "bob"}, status=403)      # deleted, and still his
    for body in ({"user": "a b"}, {"new_email": "x"}, {"user": "x@example.com"}, {"user": "eve", "pass": "eve12345"}):
        script.call("PUT", f"/user?token={token}", body=body, status=400)
    script.call("PUT", f"/user?token={token}", body={"user": "eve", "new_email": "eve@example.com", "fname": "Eve"}, status=200)
    assert (again(ada).username, again(ada).email, again(ada).first_name) == ("eve", "eve@example.com", "Eve")


def test_a_dry_run_changes_nothing(script: Script, ada, bob, api_token):
    token = api_token(ada)
    before, written = all_rows(), Change.select().count()
    answer = script.call("PUT", f"/user?dry_run=1&token={token}", body={"lname": "x", "pass": NEW_PASSWORD, "fname": "y"}, status=200)
    assert answer.json == {"message": "Nothing was changed", "data": {"accounts": 2, "fields": ["pass", "fname", "lname"]}}
    assert script.call("DELETE", f"/user?dry_run=1&token={token}", status=200).json == {
        "message": "Nothing was changed",
        "data": {"accounts": 1},
    }
    for word in ("true", "2", "", "01", "1&dry_run=1", "yes"):
        for method in ("PUT", "DELETE"):
            script.call(method, f"/user?dry_run={word}&token={token}", body={"fname": "x"}, status=400)
    for elsewhere in ("?dry-run=1", "?dryRun=1", "?dry_run=0&DRY_RUN=1"):
        script.call("DELETE", f"/user{elsewhere}&token={token}", status=400)
    for data, kind in ((b"dry_run=1", "application/x-www-form-urlencoded"), (b'{"dry_run": 1}', "application/json"), (b"dry_run=1", "text/plain"),
                       (b"{dryRun: true}", "application/json")):
        for method in ("PUT", "DELETE"):
            answer = script.call(method, f"/user?token={token}&fname=x", data=data, headers={"Content-Type": kind}, status=400)
            assert "JSON" in answer.text or "?dry_run=1" in answer.text
    for body in ({}, {"pass": "short"}, {"fname": "a\0"}, {"user": "eve"}, {"new_email": "x"}):
        script.call("PUT", f"/user?dry_run=1&token={token}", body=body, status=400)
    assert all_rows() == before and Change.select().count() == written
    script.call("PUT", f"/user?dry_run=0&token={token}", body={"fname": "x"}, status=200)


def test_mass_changes_are_one_entry_of_the_log_with_each_accounts_details(script: Script, ada, bob, carol, api_token):
    token = api_token(ada)
    script.call("PUT", f"/user?token={token}", body={"fname": "x"}, status=200)
    script.call("DELETE", f"/user?token={token}", status=200)
    updated, deleted = Change.select().order_by(Change.id.desc()).limit(2)[::-1]
    assert (updated.kind, updated.accounts, updated.actor_id, updated.door) == ("mass-updated", 3, ada.id, "mass API")
    assert (deleted.kind, deleted.accounts) == ("mass-deleted", 2)
    assert Detail.select().where(Detail.change_id == deleted.id).count() == 2


def test_deleted_accounts_are_left_as_they_are(script: Script, ada, bob, carol, by_ada, api_token):
    users.delete(bob, by=by_ada)
    before = row(bob)
    script.call("PUT", f"/user?token={api_token(ada)}", body={"fname": "x", "pass": NEW_PASSWORD}, status=200)
    script.call("DELETE", f"/user?token={api_token(ada)}", status=200)
    assert row(bob) == before and again(carol).deleted_at is not None


def test_a_password_of_the_document_is_no_password_of_ours(script: Script, ada, api_token):
    script.call("PUT", f"/user?token={api_token(ada)}", body={"pass": "hashed_pass"}, status=200)
    script.call("POST", "/api/v1/login", body={"login": "ada", "password": PASSWORD}, status=401)


@every_engine
def test_two_who_delete_everybody_at_once_leave_one_administrator(script: Script, person, ada, bob, by_ada, engine):
    eve = person("eve", role=2)
    by_eve = BROWSER.as_account(eve)
    results = at_once(lambda: mass.delete_others(by=by_ada), lambda: mass.delete_others(by=by_eve))
    assert kinds(results) == ["NotAllowed", "Plan"]
    assert Account.select().where(Account.deleted_at.is_null()).count() == 1


def test_an_administrator_for_a_time_does_not_outlast_the_others(script: Script, person, ada, api_token):
    eve = person("eve", role=2, expires_at=1 << 50)
    for words in ("", "&dry_run=1"):
        answer = script.call("DELETE", f"/user?token={api_token(eve)}{words}", status=400)
        assert answer.json == {"message": "At least one active administrator must remain."}
    assert again(ada).deleted_at is None
