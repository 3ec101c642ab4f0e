"""A bot of others on a two-way stream: echo, barge-in, and a call that the bot ends over REST."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .certificates import Authority
from .far_end import linear
from .foreign import foreign_far_end, peers_python
from .parties import TRUNK
from .programs import free_port
from .raw_phone import raw_phone
from .server import TOKEN, serve
from .tones import CALLER_HZ, heard, tone

SPEECH_HZ = 1100  # the bot's
SECONDS = 10  # the caller would talk on for longer than the bot lets it


@contextmanager
def document(text: str) -> Iterator[str]:
    """A web server that answers everything with this TwiML."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        thread = threading.Thread(target=web.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{web.server_port}/voice"
        finally:
            web.shutdown()
            thread.join()


async def test_pipecats_serializer_talks_on_a_live_call(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    http_port = free_port()
    command = peers_python("pipecat_far_end.py")
    arguments = (f"http://127.0.0.1:{http_port}", TOKEN)
    with (
        foreign_far_end(command, tmp_path / "far_end", localhost, *arguments) as bot,
        document(f'<Response><Connect><Stream url="{bot.url}"/></Connect></Response>') as voice_url,
        serve(
            tmp_path / "server",
            runs=f'voice_url = "{voice_url}"',
            settings=TRUNK,
            streams=f'trusted_ca = "{authority.path}"',
            http_port=http_port,
        ) as server,
    ):
        async with raw_phone(("127.0.0.1", server.sip_port)) as caller:
            answer = await caller.call()
            assert answer.status == 200, answer.start
            await caller.speak(answer.rtp_port(), tone(CALLER_HZ, SECONDS))
            assert (await caller.receive()).method == "BYE", "the bot has hung up by REST"
            stream = bot.ended()
            assert bot.did() == ["speech", "interruption", "hang_up"]
            assert caller.missing() == 0
            heard_there = linear(b"".join(packet.payload for packet in caller.packets if len(packet.payload) == 160))
            echo, speech = heard(heard_there, CALLER_HZ), heard(heard_there, SPEECH_HZ)
            # A machine with much to do makes the bot stutter: what counts is what was said, and that it stopped.
            assert sum(echo) >= 5, "the echo came back"
            # 20 s of speech were sent at once; the interruption cut them short after some 1.5 s.
            assert 4 <= sum(speech) <= 40, speech
            assert not any(speech[-5:]), "and nothing of it was played afterwards"
            assert stream.events()[:2] == ["connected", "start"]
            (call,) = server.calls()
            assert call["status"] == "completed"
            (row,) = server.streams().values()
            assert row["code"] is None, row
