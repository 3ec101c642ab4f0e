"""Asks for the documents of one call: the voice request of spec/twilio §6.2, signed."""

import httpx

from bridgetap import webhooks
from bridgetap.engine import IncomingCall
from bridgetap.errors import InvalidInput
from bridgetap.twiml.effects import Callback, FetchDocument, NotifyAction
from bridgetap.twiml.events import DocumentFetched
from bridgetap.webhooks import WebhookFailed, WebhookRequest, WebhookUrl

from .exchange import Exchange
from .fetch_rules import FetchRules
from .ledger import CallEntry
from .status_reports import status_callback
from .voice_request import voice_parameters


class Documents:
    """One call's. `invite` is what brought it, where it came in."""

    def __init__(self, *, exchange: Exchange, entry: CallEntry, invite: IncomingCall | None = None) -> None:
        self._exchange = exchange
        self._entry = entry
        self._invite = invite
        self._cookies = httpx.Cookies()  # a call is a session, as its application sees it
        self._notified = 0

    async def fetch(self, effect: FetchDocument) -> DocumentFetched:
        """Never raises: no answer is an answer too. Asked for again where the URL's fragment says so."""
        rules = FetchRules.of(effect.url, timeout_s=self._exchange.document_timeout_s)
        clock, token = self._exchange.ledger.clock, self._exchange.ledger.token()
        until = clock.monotonic() + rules.total_s
        fetched = await self._once(effect, token, rules, timeout_s=rules.answer_s)
        for _ in range(rules.retries):
            left = until - clock.monotonic()
            if left <= 0 or not rules.retries_after(status=fetched.status, code=fetched.code):
                break
            fetched = await self._once(effect, token, rules, timeout_s=min(rules.answer_s, left))
        return fetched

    async def _once(self, effect: FetchDocument, token: str, rules: FetchRules, *, timeout_s: float) -> DocumentFetched:
        try:
            request = WebhookRequest(
                url=WebhookUrl.parse(effect.url),
                method=effect.method,
                parameters=self._parameters(effect.parameters),
                token=token,
                connect_s=rules.connect_s,
                cookies=self._cookies,
            )
            answer = await self._exchange.webhooks.send(request, timeout_s=timeout_s, max_bytes=effect.max_bytes)
        except WebhookFailed as failed:
            return DocumentFetched(effect=effect.id, status=0, error=failed.reason, code=failed.code or 0)
        except InvalidInput as invalid:
            return DocumentFetched(effect=effect.id, status=0, error=invalid.rule, code=invalid.code or 0)
        return DocumentFetched(
            effect=effect.id,
            url=str(answer.url),
            status=answer.status,
            content_type=answer.content_type,
            body=answer.body,
        )

    def notify(self, effect: NotifyAction) -> None:
        """Durable: it outlives the call, and is sent again where nobody answers."""
        to = status_callback(Callback(url=effect.url, method=effect.method))
        if to is None:
            return
        self._exchange.callbacks.put(
            webhooks.Callback(
                line=f"{self._entry.record.sid}/action",
                place=self._notified,
                to=to,
                parameters=self._parameters(effect.parameters),
                call_sid=self._entry.record.sid,
            )
        )
        self._notified += 1

    def _parameters(self, more: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        return (*voice_parameters(self._entry.record, sip=self._invite).items(), *more)
