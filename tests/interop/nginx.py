"""nginx as the TLS front of a plain WebSocket server: what most people put before theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .programs import Running, free_port, listens, need, running


@contextmanager
def tls_front(folder: Path, *, certificate: Path, key: Path, backend_port: int) -> Iterator[tuple[int, Running]]:
    """Terminate wss on a free port of localhost and pass on to `backend_port`; yields the port."""
    binary = need("nginx")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    (folder / "nginx.conf").write_text(
        f"""
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
user root;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name localhost;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location / {{
            proxy_pass http://127.0.0.1:{backend_port};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_read_timeout 60s;
        }}
    }}
}}
"""
    )
    command = [binary, "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    with running(command, folder / "nginx.log") as program:
        program.wait_for(lambda: listens(port), "nginx's port")
        yield port, program
