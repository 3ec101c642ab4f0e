"""One file for each change of the schema, oldest first. Never edited once released."""
