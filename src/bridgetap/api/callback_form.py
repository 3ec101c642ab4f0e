"""Where a client wants to be told: `StatusCallback` and `StatusCallbackMethod` of any resource."""

from typing import cast

from bridgetap.errors import InvalidInput
from bridgetap.webhooks import Method, StatusCallback, WebhookUrl

from .errors import invalid
from .form import Parameters

URL_INVALID = 21205


def read_status_callback(form: Parameters) -> StatusCallback | None:
    """None where no URL is given; a method alone means nothing, but must be one."""
    method = form.text("StatusCallbackMethod") or "POST"
    if method.upper() not in {"GET", "POST"}:
        raise invalid("StatusCallbackMethod", "must be GET or POST")
    text = form.text("StatusCallback")
    if text is None:
        return None
    try:
        url = WebhookUrl.parse(text, place="StatusCallback")
    except InvalidInput as error:
        raise invalid("StatusCallback", error.rule, code=URL_INVALID) from None
    return StatusCallback(url=url, method=cast("Method", method.upper()))
