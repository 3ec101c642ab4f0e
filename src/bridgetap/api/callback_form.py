"""Addresses of a client's own servers, as any resource takes them: `StatusCallback`, `Url`, with their methods."""

from typing import cast

from bridgetap.errors import InvalidInput
from bridgetap.webhooks import Method, StatusCallback, WebhookUrl

from .errors import invalid
from .form import Parameters

URL_INVALID = 21205


def read_status_callback(form: Parameters) -> StatusCallback | None:
    """None where no URL is given; a method alone means nothing, but must be one."""
    method, url = read_method(form, "StatusCallbackMethod"), read_url(form, "StatusCallback")
    return None if url is None else StatusCallback(url=url, method=method)


def read_url(form: Parameters, name: str) -> WebhookUrl | None:
    """An absolute http or https URL."""
    text = form.text(name)
    if text is None:
        return None
    try:
        return WebhookUrl.parse(text, place=name)
    except InvalidInput as error:
        raise invalid(name, error.rule, code=URL_INVALID) from None


def read_method(form: Parameters, name: str) -> Method:
    """POST where none is given."""
    method = (form.text(name) or "POST").upper()
    if method not in {"GET", "POST"}:
        raise invalid(name, "must be GET or POST")
    return cast("Method", method)
