"""The server of the live page: what it answers, and whom it refuses."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from live_study import LOG, RunningStudy
from neptuner.errors import InputError
from neptuner.live.server import PORT, LiveServer, make_server
from neptuner.live.state import LiveStudy


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> RunningStudy:
    return RunningStudy(tmp_path_factory.mktemp("live") / "study")


@pytest.fixture(scope="module")
def server(study: RunningStudy) -> Iterator[LiveServer]:
    with LiveServer(LiveStudy(study.folder), 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: LiveServer, path: str, method: str = "GET", host: str | None = None
) -> tuple[int, http.client.HTTPMessage, str]:
    """Ask a server for something."""
    port = server.server_address[1]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={"Host": host or f"127.0.0.1:{port}"})
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, content


def test_the_page_has_everything_inside(server: LiveServer) -> None:
    status, headers, page = ask(server, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "Plotly" in page
    assert "state.json" in page
    assert "http" not in re.sub("<script>.*?</script>", "", page, flags=re.DOTALL)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert policy.count("'sha256-") == page.count("<script>") > 2
    assert headers["Cache-Control"] == "no-store"


def test_the_state_is_json(server: LiveServer, study: RunningStudy) -> None:
    status, headers, content = ask(server, "/state.json")
    assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    state = json.loads(content)
    assert len(state["trials"]) == len(study.results["trials"])
    assert json.loads(ask(server, f"/state.json?since={state['revision']}")[2])["trials"] == []
    assert len(json.loads(ask(server, "/state.json?since=-x")[2])["trials"]) == len(study.results["trials"])


def test_logs_are_given_by_name(server: LiveServer, study: RunningStudy) -> None:
    name = study.failed[0]
    assert "=" in name
    assert ask(server, f"/trials/{quote(name, safe='')}/log")[::2] == (200, LOG)
    assert ask(server, f"/trials/{name}/log")[::2] == (200, LOG)


@pytest.mark.parametrize(
    "path",
    [
        "/trials/../log", "/trials/%2e%2e%2f%2e%2e%2fetc/log", "/trials//log", "/trials/nobody/log", "/results.json",
        "/../../etc/passwd", "/favicon.ico", "/index.html", "/trials/trials%2Fbaseline-r0-0000/log",
    ],
)  # fmt: skip
def test_there_is_nothing_else(server: LiveServer, path: str) -> None:
    assert ask(server, path)[0] == 404


def test_odd_addresses_are_answered(server: LiveServer) -> None:
    assert ask(server, f"/state.json?since={'9' * 5000}")[0] == 200
    assert ask(server, "http://[/state.json")[0] == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8642", "127.0.0.1.evil.example", "192.168.0.1:8642", ""]
)
def test_other_names_of_this_machine_are_refused(server: LiveServer, host: str) -> None:
    for path in ("/", "/state.json"):
        status, _, content = ask(server, path, host=host or " ")
        assert (status, content) == (403, "this page is for the machine it runs on\n")


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:8642"])
def test_a_tunnel_may_have_another_port(server: LiveServer, host: str) -> None:
    assert ask(server, "/state.json", host=host)[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(server: LiveServer, method: str) -> None:
    assert ask(server, "/state.json", method)[0] == 501


def test_head_is_get_without_content(server: LiveServer) -> None:
    status, headers, content = ask(server, "/", "HEAD")
    assert (status, content) == (200, "")
    assert int(headers["Content-Length"]) > 1_000_000


def test_only_this_machine_can_connect(server: LiveServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_taken_port_is_refused_in_a_sentence(study: RunningStudy) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"port {port} cannot be used \(Address already in use\)"):
            make_server(LiveStudy(study.folder), port)


def test_without_a_port_the_next_free_one_is_taken(study: RunningStudy) -> None:
    live = LiveStudy(study.folder)
    with make_server(live, None) as first, make_server(live, None) as second:
        assert PORT <= first.server_address[1] < second.server_address[1] < PORT + 20


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_view_says_where_and_ends_with_a_signal(study: RunningStudy, number: signal.Signals) -> None:
    code = f"from pathlib import Path; from neptuner.cli.view import view; view(Path({str(study.folder)!r}))"
    with subprocess.Popen(
        ["/bin/sh", "-c", 'trap "" INT; exec "$0" "$@"', sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            assert f"{study.folder} is shown at http://127.0.0.1:" in process.stdout.readline()
            process.send_signal(number)
            assert (process.wait(timeout=60), process.stderr.read()) == (0, "")
        finally:
            process.kill()
