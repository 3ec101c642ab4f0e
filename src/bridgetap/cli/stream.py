"""`bridgetap stream`: the streams of a running server, and the servers that streams go to."""

import typer

from .stream_doctor import doctor
from .streams import list_streams, pause, resume, start, stop

stream_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Work with streams and their servers.")


@stream_app.callback()
def stream() -> None:
    """Work with streams and their servers."""


stream_app.command()(start)
stream_app.command()(stop)
stream_app.command()(pause)
stream_app.command()(resume)
stream_app.command("list")(list_streams)
stream_app.command()(doctor)
