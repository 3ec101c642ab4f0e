"""The Twilio-shaped REST API, health and metrics: one file per resource."""

from .service import CallsService, EndStatus

__all__ = ["CallsService", "EndStatus"]
