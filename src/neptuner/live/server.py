"""Serves the live page to this machine alone: two addresses and the logs, nothing that changes anything."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from neptuner import __version__
from neptuner.errors import InputError
from neptuner.live.state import LiveStudy
from neptuner.report.template import html_document, script_json

HOST, PORT = "127.0.0.1", 8642
DIGITS = 20
"""More than a revision has; Python refuses to read numbers of thousands of them."""
TRIED = 20
"""Ports that are tried where none is asked for."""
NAMES = ("127.0.0.1", "localhost", "[::1]")
"""Of this machine in the header Host; any other name may belong to a page that wants to read this one."""


class LiveServer(ThreadingHTTPServer):
    """A server of the live page of one study.

    Parameters
    ----------
    study
        What is shown.
    port
        Where to listen on 127.0.0.1.
    """

    daemon_threads = True

    def __init__(self, study: LiveStudy, port: int) -> None:
        # live.js puts the lines in
        page = html_document("live.html.j2", {"curves": {"data": [], "layout": {}}}, name=study.folder.name).encode()
        super().__init__((HOST, port), partial(_Handler, study, page, _policy(page.decode())))

    @property
    def address(self) -> str:
        """Where the page is found."""
        return f"http://{HOST}:{self.server_address[1]}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a browser that went away."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def make_server(study: LiveStudy, port: int | None) -> LiveServer:
    """Listen on a port, or on the first that is free where none is asked for.

    Raises
    ------
    InputError
        If the port is taken, or may not be used.
    """
    for candidate in [port] if port is not None else range(PORT, PORT + TRIED):
        try:
            return LiveServer(study, candidate)
        except OSError as error:
            reason = error.strerror
    where = f"port {port} cannot" if port is not None else f"ports {PORT} to {PORT + TRIED - 1} cannot"
    raise InputError(f"{where} be used ({reason}); choose another with --port")


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; the base class refuses every other method."""

    server_version, sys_version = f"neptuner/{__version__}", ""
    timeout = 60

    def __init__(self, study: LiveStudy, page: bytes, policy: str, *connection: object) -> None:
        self._study, self._page, self._policy = study, page, policy
        super().__init__(*connection)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer with the page, the state of the study, or a log."""
        name = re.sub(r":\d+$", "", self.headers.get("Host", ""))
        if name not in NAMES:
            self._answer(HTTPStatus.FORBIDDEN, "text/plain", b"this page is for the machine it runs on\n")
            return
        try:
            path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        except ValueError:  # no address at all, such as http://[
            path, query = "", {}
        if path == "/":
            self._answer(HTTPStatus.OK, "text/html", self._page)
        elif path == "/state.json":
            state = self._study.state(_whole_number(query.get("since", ["0"])[0]))
            self._answer(HTTPStatus.OK, "application/json", script_json(state).encode())
        else:
            self._answer_log(path)

    do_HEAD = do_GET  # noqa: N815 - the name of the base class

    def _answer_log(self, path: str) -> None:
        found = re.fullmatch("/trials/(.+)/log", path)
        log = self._study.log(unquote(found[1])) if found else None
        if log is None:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"there is nothing here\n")
        else:
            self._answer(HTTPStatus.OK, "text/plain", log.encode())

    def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", self._policy)
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Keep the terminal quiet."""


def _policy(page: str) -> str:
    """Content-Security-Policy that lets a page run its own scripts and ask this server, and nothing else."""
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    return "; ".join(
        (
            "default-src 'none'",
            "script-src " + " ".join(f"'sha256-{one}'" for one in hashes),
            "style-src 'unsafe-inline'",
            "img-src data: blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _whole_number(word: str) -> int:
    return int(word) if word.isdecimal() and len(word) < DIGITS else 0
