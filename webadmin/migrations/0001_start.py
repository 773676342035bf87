"""The first tables, and the search index in the engine's own form.

Text is compared by its code points on every engine, as Python does: lists are merged and pages begin after a key.
"""
from peewee import CharField, TextField

from webadmin import database
from webadmin.accounts import models

TABLES = (models.Account, models.Session, models.Throttle, models.Link, models.Change, models.Detail, models.LogHead)
SEARCH = {
    "sqlite": ["CREATE VIRTUAL TABLE account_search USING fts5("
               "search_text, content='account', content_rowid='id', tokenize='trigram', detail='full')"],
    "postgresql": ["CREATE EXTENSION IF NOT EXISTS pg_trgm",
                   "CREATE INDEX account_search ON account USING gin (search_text gin_trgm_ops)"],
    "mariadb": [],
}


def up(migrator, db):
    if database.engine() == "mariadb":
        for table in TABLES:
            table._meta.table_settings = ["CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"]
    if database.engine() == "postgresql":
        for field in (field for table in TABLES for field in table._meta.sorted_fields if isinstance(field, (CharField, TextField))):
            field.collation = '"C"'
    db.create_tables(TABLES)
    for statement in SEARCH[database.engine()]:
        db.execute_sql(statement)
    models.LogHead.insert(id=1, change_id=0, seal="").execute()
