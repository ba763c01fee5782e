"""The processes that take times for a calibration, and the lines that go to and from them."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, Self

from neptuner.errors import NeptunerError

WORKER = "neptuner.study.cost.worker"


class Worker:
    """A process that trains a little when asked to.

    Parameters
    ----------
    folder
        Where it may write.
    environment
        Variables besides those of this process.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self._begin = perf_counter()
        self._log = (folder / "log.txt").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **environment},
            start_new_session=True,  # a signal from the keyboard is for this process, which ends the workers
        )

    def fileno(self) -> int:
        """Give what becomes readable with an answer."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def send(self, request: Mapping[str, Any]) -> None:
        """Ask for something; the answer to the request before must have been taken."""
        assert self._process.stdin is not None
        self._begin = perf_counter()
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._lost() from None

    def answer(self) -> dict[str, Any]:
        """Wait for the answer; ``took`` says how long it took altogether.

        Raises
        ------
        NeptunerError
            If the request could not be fulfilled.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._lost()
        content: dict[str, Any] = json.loads(line)
        if "error" in content:
            raise NeptunerError(f"a training of a few steps failed: {content['error']}")
        return {**content, "took": perf_counter() - self._begin}

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Ask, and wait for the answer."""
        self.send(request)
        return self.answer()

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _lost(self) -> NeptunerError:
        self._log.flush()
        lines = (self.folder / "log.txt").read_text(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        return NeptunerError(f"a training of a few steps ended early: {last[:300]}")


def ask_all(requests: Iterable[tuple[Worker, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Ask several workers at the same time; answers in their order."""
    asked = []
    for worker, request in requests:
        worker.send(request)
        asked.append(worker)
    return [worker.answer() for worker in asked]


class Crew:
    """Workers that are ready."""

    def __init__(self, workers: list[Worker]) -> None:
        self.workers = workers

    def any_answer(self, busy: Iterable[Worker]) -> tuple[Worker, dict[str, Any]]:
        """Wait for the next answer of those that are busy."""
        with selectors.DefaultSelector() as selector:
            for each in busy:
                selector.register(each, selectors.EVENT_READ, each)
            worker: Worker = selector.select()[0][0].data
            return worker, worker.answer()

    def replace_first(self) -> None:
        """End the first worker and start another one in its place."""
        old = self.workers[0]
        old.end()
        self.workers[0] = Worker(old.folder, old.environment)
        self.workers[0].answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.end()


@contextmanager
def start_crew(folder: Path, number: int, environment: Mapping[str, str]) -> Iterator[tuple[Crew, float]]:
    """Start workers that are ended with the context; also gives the mean number of seconds until they were ready."""
    with Crew([]) as crew:
        for k in range(number):
            place = folder / f"worker-{k}"
            place.mkdir()
            crew.workers.append(Worker(place, environment))
        yield crew, sum(worker.answer()["took"] for worker in crew.workers) / number
