"""The Twilio-shaped REST API, health and metrics: one file per resource."""

from .app import create_api
from .service import CallsService, EndStatus

__all__ = ["CallsService", "EndStatus", "create_api"]
