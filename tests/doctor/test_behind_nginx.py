"""A good server as people run it: our receiver kit behind nginx with TLS."""

from pathlib import Path

from bridgetap.doctor import Order, Step, Verdict, examine
from bridgetap.flow.stream_url import StreamUrl
from bridgetap.receiver import Receiver, Stream
from tests.interop import nginx
from tests.interop.certificates import Authority

TOKEN = "12345"


async def test_a_receiver_behind_nginx_is_well(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path]
) -> None:
    streams: list[Stream] = []

    async def listen(stream: Stream) -> None:
        streams.append(stream)
        async for _ in stream:
            pass

    certificate, key = localhost
    async with Receiver.serve(listen, ssl=None, auth_token=TOKEN, exact=True) as receiver:
        front = nginx.tls_front(tmp_path, certificate=certificate, key=key, backend_port=receiver.port)
        with front as (port, _):
            url = StreamUrl(host="localhost", port=port, path="/in")
            order = Order(url=url, token=TOKEN, seconds=2, ca_file=authority.path, system_roots=False)
            report = await examine(order)
        assert [finding.text for finding in report.findings()] == []
        assert {report.step(step).verdict for step in Step} == {Verdict.OK}
        (stream,) = streams
        assert stream.stop is not None
        assert not stream.faults
        assert {track: figures.frames for track, figures in stream.tracks.items()} == {"inbound": 200, "outbound": 200}
        assert all(figures.level_dbfs > -40 for figures in stream.tracks.values())
        # The doctor tried a handshake without a signature and one with a wrong one.
        assert len(receiver.refusals) == 2
