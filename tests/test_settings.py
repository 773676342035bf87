from __future__ import annotations

import pytest

from webadmin import settings

WRONG = [("WEBADMIN_PORT", "0"), ("WEBADMIN_PORT", "65536"), ("WEBADMIN_PORT", "x"), ("WEBADMIN_PORT", "-1"), ("WEBADMIN_PORT", "８０"), ("WEBADMIN_PORT", "80.0"),
         ("WEBADMIN_WORKERS", "0"), ("WEBADMIN_WORKERS", "many"), ("WEBADMIN_THREADS", "0"), ("WEBADMIN_THREADS", "9" * 5000), ("WEBADMIN_PROXIES", "-1"),
         ("WEBADMIN_BCRYPT_COST", "3"), ("WEBADMIN_BCRYPT_COST", "11"), ("WEBADMIN_BCRYPT_COST", "31"), ("WEBADMIN_URL", "accounts.example.com"),
         ("WEBADMIN_URL", "ftp://example.com"), ("WEBADMIN_URL", "https://example.com/path"), ("WEBADMIN_URL", "https://u:p@example.com"), ("WEBADMIN_URL", "https://"),
         ("WEBADMIN_URL", "https://example.com:port"), ("WEBADMIN_DATABASE_URL", "oracle://x"), ("WEBADMIN_DATABASE_URL", "webadmin.db"),
         ("WEBADMIN_ADMIN_USERNAME", "ada"), ("WEBADMIN_ADMIN_PASSWORD", "three green boats"), ("WEBADMIN_TESTING", "2"),
         *(("WEBADMIN_DATABASE_URL", f"{given}/name") for given in ("postgresql://one:5432,two:x", "postgresql://one:0", "postgresql://one:65536", "postgresql://[::1",
                                                                   "postgresql://one:5432:5433", "mariadb://one,two")),
         ("WEBADMIN_DATABASE_URL", "postgresql://one/name?pool_mode=statement")]


def load(tmp_path, **given: str) -> settings.Settings:
    return settings.load(given, tmp_path / "config.py")


@pytest.mark.parametrize("name, value", WRONG)
def test_a_value_that_cannot_be_is_refused_with_a_sentence_that_names_it(tmp_path, name, value):
    with pytest.raises(settings.SettingError, match=name) as wrong:
        load(tmp_path, **{name: value})
    assert str(wrong.value).endswith(".") and "\n" not in str(wrong.value)


def test_nothing_needs_to_be_chosen(tmp_path):
    here = load(tmp_path)
    assert (here.host, here.port, here.bcrypt_cost, here.proxies, here.secure) == ("127.0.0.1", 5000, 12, 0, False)
    assert here.keys == here.data / "keys" and here.database_url == f"sqlite:///{here.data}/webadmin.db" and here.address == "http://127.0.0.1:5000"


def test_the_file_is_read_and_the_environment_wins(tmp_path):
    (tmp_path / "config.py").write_text("WEBADMIN_PORT = 6000\nWEBADMIN_HOST = '::1'\nOTHER = 7\n")
    assert load(tmp_path).port == 6000 and load(tmp_path).address == "http://[::1]:6000"
    assert load(tmp_path, WEBADMIN_PORT="7000").port == 7000


def test_what_is_given_of_policies_is_kept_with_its_source(tmp_path):
    (tmp_path / "config.py").write_text("WEBADMIN_DIRECTORY = True\nWEBADMIN_LOG_DAYS = 30\nWEBADMIN_PORT = 6000\nOTHER = 7\n")
    here = load(tmp_path, WEBADMIN_LOG_DAYS="90", WEBADMIN_HOST="::1", PATH="/bin", WEBADMIN_BACKUP_HOURS="")
    assert here.given == {"WEBADMIN_DIRECTORY": ("True", str(tmp_path / "config.py")), "WEBADMIN_LOG_DAYS": ("90", "the environment")}


def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "config.py").write_text("WEBADMIN_PORT = = 1")
    with pytest.raises(settings.SettingError, match=r"config\.py cannot be read"):
        load(tmp_path)


def test_a_cheap_hash_is_for_tests_only(tmp_path):
    assert load(tmp_path, WEBADMIN_TESTING="1", WEBADMIN_BCRYPT_COST="4").bcrypt_cost == 4
    assert load(tmp_path, WEBADMIN_BCRYPT_COST="14").bcrypt_cost == 14


@pytest.mark.parametrize("given, secure, address", [
    ({"WEBADMIN_URL": "https://Accounts.Example.com/"}, True, "https://accounts.example.com"), ({"WEBADMIN_URL": "http://intranet:8080"}, False, "http://intranet:8080"),
    ({"WEBADMIN_PROXIES": "1"}, True, "http://127.0.0.1:5000"), ({"WEBADMIN_HOST": "0.0.0.0"}, False, "http://127.0.0.1:5000")])
def test_https_in_the_public_address_makes_cookies_secure(tmp_path, given, secure, address):
    here = load(tmp_path, **given)
    assert (here.secure, here.address) == (secure, address)


def test_an_empty_variable_is_as_good_as_none(tmp_path):
    assert load(tmp_path, WEBADMIN_PORT="", WEBADMIN_URL="").port == 5000


def test_keys_can_live_elsewhere(tmp_path):
    assert load(tmp_path, WEBADMIN_KEYS=str(tmp_path / "k")).keys == tmp_path / "k"


@pytest.mark.parametrize("url, servers", [
    ("postgresql://u:p%40@one:5433,two:5434/name?target_session_attrs=read-write", [("one", "5433"), ("two", "5434")]), ("postgresql://one,[::1]:5434/name", [("one", ""), ("::1", "5434")]),
    ("postgresql:///name", [("", "")]), ("postgresql://u@%2Fvar%2Frun%2Fpostgresql/name", [("/var/run/postgresql", "")]), ("mariadb://u@one:3307/name", [("one", "3307")])])
def test_a_database_may_be_kept_by_several_servers(tmp_path, url, servers):
    assert settings.database_servers(load(tmp_path, WEBADMIN_DATABASE_URL=url).database_url) == servers


def test_signs_in_a_password_that_an_address_cannot_have_are_told(tmp_path):
    with pytest.raises(settings.SettingError, match="write @ : / # % as %40 %3A %2F %23 %25"):
        load(tmp_path, WEBADMIN_DATABASE_URL="postgresql://ada:p@ss:w/o#r%d@127.0.0.1/name")


@pytest.mark.parametrize("url, shown", [("postgresql://ada:s3cret@one:5433,two/name?password=s3cret", "postgresql://one:5433,two/name"), ("sqlite:////data/a.db", "sqlite:////data/a.db"),
                                        ("postgresql:///name?user=ada&password=s3cret", "postgresql:///name")])
def test_an_address_is_shown_without_its_secrets(url, shown):
    assert settings.without_secrets(url) == shown
