"""The truth: models, the database's clock, transactions and migrations."""
