"""A web server that takes callbacks, and checks their signatures with Twilio's own library."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator


@dataclass
class CallbackServer:
    """What came, in order."""

    token: str
    port: int = 0
    taken: list[dict[str, str]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)  # I-Twilio-Idempotency-Token
    unsigned: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/stream-status"

    def events(self, stream_sid: str) -> list[str]:
        return [form["StreamEvent"] for form in self.taken if form["StreamSid"] == stream_sid]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that was killed in the middle of something is what some tests are about."""


@contextmanager
def callback_server(token: str, *, port: int = 0) -> Iterator[CallbackServer]:
    """Listens on loopback until the block is left."""
    desk = CallbackServer(token)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True
                return  # its sender was killed in the middle of it: no web application would hear of it
            form = dict(parse_qsl(body.decode(), keep_blank_values=True))
            url = f"http://{self.headers['Host']}{self.path}"
            if not RequestValidator(token).validate(url, form, self.headers["X-Twilio-Signature"]):
                desk.unsigned += 1
            desk.taken.append(form)
            desk.tokens.append(self.headers["I-Twilio-Idempotency-Token"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with _Server(("127.0.0.1", port), Handler) as http:
        desk.port = http.server_address[1]
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield desk
        finally:
            http.shutdown()
            thread.join()
