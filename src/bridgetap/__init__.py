"""Bridgetap: a self-hosted server that answers calls, runs Studio-compatible flows and forks live audio."""

__version__ = "0.1.0"
