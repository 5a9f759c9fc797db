from tests.storage.databases import (
    database,
    database_url,
    empty_database_url,
    migrated_postgres,
    migrated_sqlite,
)

__all__ = ["database", "database_url", "empty_database_url", "migrated_postgres", "migrated_sqlite"]
