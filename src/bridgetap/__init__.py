"""Bridgetap: a self-hosted server that answers calls, runs Studio-compatible flows and forks live audio."""

from .sdk import twilio_http_client

__version__ = "0.1.0"

__all__ = ["__version__", "twilio_http_client"]
