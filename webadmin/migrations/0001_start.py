"""The first tables, and the search index in the engine's own form."""
from webadmin.accounts import changes, models
from webadmin.store import database, schema

TABLES = (models.Account, models.Session, models.Throttle, models.Link, models.Change, models.Detail, models.LogHead)
SEARCH = {
    "sqlite": ["CREATE VIRTUAL TABLE account_search USING fts5("
               "search_text, content='account', content_rowid='id', tokenize='trigram', detail='none')"],
    "postgresql": ["CREATE EXTENSION IF NOT EXISTS pg_trgm",
                   "CREATE INDEX account_search ON account USING gin (search_text gin_trgm_ops)"],
    "mariadb": [],
}


def up(migrator, db):
    schema.create_tables(*TABLES)
    for statement in SEARCH[database.engine()]:
        db.execute_sql(statement)
    changes.begin()
