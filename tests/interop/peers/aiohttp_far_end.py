"""A far end made with aiohttp. See README.md; runs in `.venv-peers`, without Bridgetap."""

import asyncio
import json
import ssl
import sys

from aiohttp import WSMsgType, web


def say(value: object) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def stream(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    say({"path": request.path_qs, "headers": {name.lower(): value for name, value in request.headers.items()}})
    async for message in socket:
        say(message.data if message.type == WSMsgType.TEXT else {"other": message.type.name})
    say({"closed": socket.close_code})
    return socket


async def tell_port(app: web.Application) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[1:3])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    say({"port": runner.addresses[0][1]})


async def main() -> None:
    app = web.Application()
    app.router.add_get("/{path:.*}", stream)
    await tell_port(app)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
