"""A ClickHouse server for tests: the real engine (chDB), which does not listen, behind HTTP as ClickHouse speaks it.

`python -m tests.servers_clickhouse` runs one in a folder, on a free port of 127.0.0.1.
"""

from __future__ import annotations

import atexit
import base64
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit
from uuid import uuid4

USER, READER, PASSWORD = "outlay", "reader", "s3cret/@:ü"
ROOT = Path(__file__).parents[1]

# Of a request's parameters, what is no setting of the engine.
_TRANSPORT = {
    "query", "database", "default_format", "session_id", "query_id", "compress", "decompress", "user", "password",
    "enable_http_compression", "client_protocol_version", "wait_end_of_query", "buffer_size", "role", "readonly",
    "send_progress_in_http_headers", "http_headers_progress_interval_ms",
}  # fmt: skip
# A cluster of one shard, which is the server itself: nobody listens at its port, and nobody is asked there.
CLUSTER = "bills"
_CONFIGURATION = {
    "config.xml": f"""<clickhouse><tcp_port>9000</tcp_port>
      <remote_servers><{CLUSTER}><shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard></{CLUSTER}>
      </remote_servers>
      <user_directories><users_xml><path>{{folder}}/users.xml</path></users_xml></user_directories></clickhouse>""",
    "users.xml": """<clickhouse><profiles><default/></profiles><quotas><default/></quotas>
      <users><default><password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
      </default></users></clickhouse>""",
}
_INSERT = re.compile(r"\s*(INSERT\s+INTO\b.*?)\s+FORMAT\s+(\w+)\s*$", re.IGNORECASE | re.DOTALL)
_WRONG_PASSWORD = 516
_STATUS = {_WRONG_PASSWORD: 403, 497: 403, 60: 404, 81: 404}  # by the number of the error, else 500


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int

    def url(self, database: str, user: str = USER, password: str = PASSWORD) -> str:
        """The URL of one of its databases."""
        return f"http://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of a database that is not there."""
        return self.url(f"outlay_{uuid4().hex}")


@contextmanager
def clickhouse_server() -> Iterator[Server]:
    """A server with nothing in it."""
    with tempfile.TemporaryDirectory(prefix="outlay-clickhouse-") as folder:
        command = [sys.executable, "-u", "-m", "tests.servers_clickhouse", folder]
        said = Path(folder, "log")
        with (
            said.open("wb") as log,
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True) as process,
        ):
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                if not line.strip().isdigit():
                    raise RuntimeError(f"the server did not start: {line}{said.read_text()}")
                yield Server(int(line))
            finally:
                process.kill()


@cache
def in_process() -> str:
    """The URL of the engine inside this process, which takes one folder; `?database=` tells stores apart."""
    folder = tempfile.mkdtemp(prefix="outlay-chdb-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return f"chdb://{folder}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer goes out in one piece
    engine: Callable[[], Any]

    def do_GET(self) -> None:
        self._handle(b"")

    def do_POST(self) -> None:
        self._handle(_unpacked(self._body(), self.headers.get("Content-Encoding")))

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _handle(self, body: bytes) -> None:
        url = urlsplit(self.path)
        asked = dict(parse_qsl(url.query, keep_blank_values=True))
        try:
            if url.path == "/ping":
                return self._send(200, b"Ok.\n")
            user = self._user()
            if (kind := self.headers.get("Content-Type", "")).startswith("multipart/form-data"):
                asked, body = asked | _form(kind, body), b""
            self._send(200, _answer(self.engine, asked, body, readonly=user == READER))
        except (RuntimeError, PermissionError) as error:
            said = str(error)[max(str(error).find("Code: "), 0) :].strip()
            code = int((re.match(r"Code: (\d+)", said) or ["", "1002"])[1])
            self._send(_STATUS.get(code, 500), f"{said}\n".encode(), {"X-ClickHouse-Exception-Code": str(code)})

    def _user(self) -> str:
        kind, _, told = self.headers.get("Authorization", "").partition(" ")
        user, _, password = base64.b64decode(told).decode().partition(":") if kind == "Basic" else ("", "", "")
        if user not in {USER, READER} or password != PASSWORD:
            raise PermissionError(
                f"Code: {_WRONG_PASSWORD}. DB::Exception: {user}: Authentication failed: password is incorrect, or"
                " there is no user with such name. (AUTHENTICATION_FAILED) (version 26)"
            )
        return user

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "X-ClickHouse-Timezone": "UTC",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _unpacked(body: bytes, encoding: str | None) -> bytes:
    if encoding != "lz4":
        return body
    import lz4.frame  # type: ignore[import-untyped]

    unpacked: bytes = lz4.frame.decompress(body)
    return unpacked


def _form(kind: str, body: bytes) -> dict[str, str]:
    """The fields of a form: so does a client send what is too long for a URL."""
    message: Any = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
    return {name: part.get_payload(decode=True).decode() for name, part in parts.items()}


def _answer(engine: Callable[[], Any], asked: dict[str, str], body: bytes, *, readonly: bool) -> bytes:
    """Ask the engine in a connection of its own: settings are for one question."""
    connection = engine()
    try:
        settings = {name: value for name, value in asked.items() if name not in _TRANSPORT and name[:6] != "param_"}
        if readonly:
            settings["readonly"] = "1"
        if settings:
            connection.query("SET " + ", ".join(f"{name} = {_quoted(value)}" for name, value in settings.items()))
        if asked.get("database"):
            connection.query(f"USE `{asked['database']}`")
        if "query" in asked and (insert := _INSERT.match(asked["query"])):
            return _insert(connection, insert, body)
        text = asked.get("query", "") + body.decode()
        # Its own default is CSV; a server's is this.
        told = asked.get("default_format", "TabSeparated")
        params = {name[6:]: value for name, value in asked.items() if name[:6] == "param_"}
        found = connection.query(text, told, params=params)
        return found.bytes() or b""
    finally:
        connection.close()


def _insert(connection: Any, insert: re.Match[str], body: bytes) -> bytes:
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        connection.query(f"{insert[1]} FROM INFILE {_quoted(file.name)} FORMAT {insert[2]}")
    return b""


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class _Listening(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that was killed
            super().handle_error(request, client_address)


def main(folder: str) -> None:
    import chdb

    for name, text in _CONFIGURATION.items():
        Path(folder, name).write_text(text.format(folder=folder))
    where = f"{folder}/data?config-file={folder}/config.xml"
    kept = chdb.connect(where)  # while it is open the engine runs
    handler = type("Handler", (_Handler,), {"engine": staticmethod(lambda: chdb.connect(where))})
    server = _Listening(("127.0.0.1", 0), handler)
    print(server.server_port, flush=True)
    try:
        server.serve_forever()
    finally:
        kept.close()


if __name__ == "__main__":
    main(sys.argv[1])
