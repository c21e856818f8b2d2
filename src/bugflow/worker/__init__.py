"""Durable jobs: workflows by DBOS in the app's own database."""
