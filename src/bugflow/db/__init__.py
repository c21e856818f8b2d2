"""The database: engine, tables, migrations, the queries that several services ask."""
