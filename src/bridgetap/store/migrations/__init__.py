"""The schema's history: Alembic runs it at the start, one file a step in `versions/`."""
