"""Jobs in the queue of a scheduler: they outlive the session that submitted them, and the next one finds them again."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from neptuner.launch.base import Finished, Handle, Job
from neptuner.launch.local import last_line
from neptuner.launch.notes import (
    ALIVE,
    EXIT,
    JOB,
    ExitNote,
    JobNote,
    first_note,
    next_note,
    read_alive,
    read_exit,
    read_note,
    remove_notes,
    touched,
    withdraw,
    write_note,
)

PERMANENT = re.compile(
    r"invalid|not (permitted|available|exist|found)|unrecognized|unknown|illegal|denied|cannot be satisfied", re.I
)
"""What a scheduler says when the request itself is wrong; all else may pass, as when it is busy or being restarted."""

CANCELLED = -int(signal.SIGTERM)
KILLED = -int(signal.SIGKILL)


class SubmissionError(Exception):
    """A scheduler did not take a job; its text is what the scheduler said.

    Parameters
    ----------
    message
        What it said.
    permanent
        Whether it would say the same another time.
    """

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


class Scheduler(Protocol):
    """What :class:`QueuedLauncher` needs to know of a scheduler."""

    kind: str
    """Name of the launcher in job.json."""
    chunk: int
    """Most jobs in one submission."""
    can_tell: bool
    """Whether it can be asked which jobs it knows; if not, only their signs of life count."""

    def send(self, jobs: Sequence[tuple[Path, JobNote]]) -> list[str]:
        """Submit jobs, each a directory and its note; return their numbers, or raise SubmissionError."""

    def known(self, numbers: Sequence[str]) -> set[str] | None:
        """Tell which of these jobs wait or run; None if the scheduler does not answer."""

    def kill(self, numbers: Sequence[str]) -> None:
        """Ask the scheduler to end jobs; one that it does not know is no error."""

    def last_words(self, number: str) -> str:
        """Return the last line that the scheduler printed about a job that is gone, or an empty string."""

    def forget(self, number: str) -> None:
        """Remove what is kept of a job that ended well."""


@dataclass(frozen=True)
class Timing:
    """How often a launcher looks; seconds."""

    look: float = 2.0
    """Between two looks for exit.json."""
    ask: float = 10.0
    """Between two questions to the scheduler."""
    grace: float = 60.0
    """After which a job that the scheduler does not know and that shows no sign of life is lost."""
    again: float = 30.0
    """Before a submission is tried once more."""
    cancel: float = 120.0
    """Longest wait for cancelled jobs to end."""
    touch: float = 10.0
    """Between two signs of life of a job."""


TRIES = 20
"""Submissions that may be refused one after another, for reasons that may pass, before jobs count as failed."""


class Lost(Finished):
    """A job of which nothing came back but its last words, kept in place of a last line."""

    @property
    def reason(self) -> str:
        """Why it failed, in one sentence."""
        return self.last_line


@dataclass
class _Tracked:
    """A job in the care of the launcher."""

    job: Job
    note: JobNote
    missing: float | None = None
    """When the scheduler first did not know it any more."""
    beat: float | None = None
    """The last sign of life, by the clock of the file system."""
    beat_seen: float = 0.0

    @property
    def folder(self) -> Path:
        return self.job.log.parent

    @property
    def begun(self) -> bool:
        alive = read_alive(self.folder)
        return alive is not None and alive.token == self.note.token

    def exit_note(self) -> ExitNote | None:
        note = read_exit(self.folder)
        return note if note is not None and note.token == self.note.token else None


class QueuedLauncher:
    """Hands jobs to a scheduler; what is submitted between two polls goes to it together.

    The directory of each job (``job.log.parent``) must be its own and be seen by every machine.

    Parameters
    ----------
    jobs
        Number of jobs that may wait or run at the same time.
    scheduler
        Takes the jobs.
    retries
        How often a job is submitted again that was lost or killed from outside.
    timing
        How often to look.
    """

    def __init__(self, jobs: int, scheduler: Scheduler, *, retries: int = 2, timing: Timing | None = None) -> None:
        self._places, self._scheduler, self._retries = jobs, scheduler, retries
        self._timing = timing or Timing()
        self._waiting: dict[str, _Tracked] = {}
        self._sent: dict[str, _Tracked] = {}
        self._ended: list[Finished] = []
        self._looked = self._asked = self._refused = -1e9
        self._refusals = 0

    @property
    def free(self) -> int:
        """How many jobs may be submitted now."""
        return max(0, self._places - len(self._waiting) - len(self._sent))

    def submit(self, job: Job) -> Handle:
        """Note a job down for the next poll; see :meth:`neptuner.launch.base.Launcher.submit`."""
        if self.free < 1:
            raise RuntimeError(f"{self._places} jobs are submitted already; poll before submitting {job.name}")
        if job.name in self._waiting or job.name in self._sent:
            raise RuntimeError(f"a job named {job.name} is submitted already")
        tracked = _Tracked(job, first_note(self._scheduler.kind, job, touch=self._timing.touch))
        self._wait_for_poll(tracked)
        return Handle(job)

    def poll(self) -> list[Finished]:
        """Submit what waits for it, and return the jobs that ended since the last call."""
        self._send()
        now = time.monotonic()
        if now - self._looked >= self._timing.look:
            self._looked = now
            for tracked in list(self._sent.values()):
                self._look(tracked)
        if self._sent and now - self._asked >= self._timing.ask:
            self._asked = now
            self._ask()
        ended, self._ended = self._ended, []
        return ended

    def cancel(self, names: Collection[str] | None = None) -> list[Finished]:
        """End jobs and return when they have ended; see :meth:`neptuner.launch.base.Launcher.cancel`."""
        for name in [name for name in self._waiting if names is None or name in names]:
            self._settle(Finished(self._waiting[name].job, CANCELLED))
        chosen = [tracked for name, tracked in self._sent.items() if names is None or name in names]
        self._revoke(chosen)
        deadline = time.monotonic() + self._timing.cancel
        while (left := [t for t in chosen if t.job.name in self._sent]) and time.monotonic() < deadline:
            self._look_at_cancelled(left)
            time.sleep(self._timing.look)
        for tracked in left:  # its machine is silent; without job.json it ends as soon as it speaks again
            self._settle(Finished(tracked.job, KILLED, last_line(tracked.job)))
        ended = [f for f in self._ended if names is None or f.job.name in names]
        self._ended = [f for f in self._ended if f not in ended]
        return ended

    def adopt(self, jobs: Sequence[Job]) -> list[str]:
        """Take over what an earlier session submitted; see :meth:`neptuner.launch.base.Launcher.adopt`."""
        adopted, others = [], []
        for job in jobs:
            note = read_note(job.log.parent)
            number = None if note is None else self._number(job, note)
            if note is None:
                continue
            if number is None:
                others.append(job.log.parent)
                continue
            tracked = _Tracked(job, replace(note, id=number))
            write_note(tracked.folder, tracked.note)
            self._sent[job.name] = tracked
            adopted.append(job.name)
        withdraw(others)
        return adopted

    def leave(self) -> list[Finished]:
        """Let the submitted jobs go on; those that were not submitted yet never begin."""
        for tracked in list(self._waiting.values()):
            self._settle(Finished(tracked.job, CANCELLED))
        self._sent.clear()
        ended, self._ended = self._ended, []
        return ended

    # -- submitting --------------------------------------------------------------------------------

    def _wait_for_poll(self, tracked: _Tracked) -> None:
        remove_notes(tracked.folder, EXIT, ALIVE)
        write_note(tracked.folder, tracked.note)
        self._waiting[tracked.job.name] = tracked

    def _send(self) -> None:
        """Submit in chunks what waits; the rest goes on waiting when the scheduler is unwell."""
        if time.monotonic() - self._refused < self._timing.again:
            return
        while self._waiting:
            batch = list(self._waiting.values())[: self._scheduler.chunk]
            try:
                numbers = self._scheduler.send([(tracked.folder, tracked.note) for tracked in batch])
            except SubmissionError as error:
                if not self._refuse(batch, error):
                    return
                continue
            self._refusals = 0
            for tracked, number in zip(batch, numbers, strict=True):
                tracked.note = replace(tracked.note, id=number)
                write_note(tracked.folder, tracked.note)
                self._sent[tracked.job.name] = self._waiting.pop(tracked.job.name)

    def _refuse(self, batch: Iterable[_Tracked], error: SubmissionError) -> bool:
        """Take up that jobs were not taken; return whether they have failed for good."""
        self._refusals += 1
        if not error.permanent and self._refusals < TRIES:
            self._refused = time.monotonic()
            return False
        self._refusals = 0
        for tracked in batch:
            self._settle(Finished(tracked.job, 1, str(error)))
        return True

    # -- watching ----------------------------------------------------------------------------------

    def _look(self, tracked: _Tracked) -> None:
        """Settle a job that has noted its end, unless the scheduler may still let it begin again."""
        end = tracked.exit_note()
        if end is None:
            return
        if not (_from_outside(end) and self._scheduler.can_tell):
            self._close(tracked, end)

    def _ask(self) -> None:
        known = self._known(list(self._sent.values()))
        if known is None:
            return
        for tracked in list(self._sent.values()):
            if tracked.note.id in known:
                tracked.missing = None
            else:
                self._miss(tracked)

    def _known(self, tracked: Sequence[_Tracked]) -> set[str] | None:
        if self._scheduler.can_tell:
            return self._scheduler.known([str(t.note.id) for t in tracked])
        return {str(t.note.id) for t in tracked if not t.begun}

    def _miss(self, tracked: _Tracked) -> None:
        """Take up that the scheduler does not know a job: it told its end, or it is lost when it stays silent."""
        end = tracked.exit_note()
        if end is not None:
            self._close(tracked, end)
            return
        now, beat = time.monotonic(), touched(tracked.folder)
        if tracked.missing is None or beat != tracked.beat:
            tracked.missing = now if tracked.missing is None else tracked.missing
            tracked.beat, tracked.beat_seen = beat, now
        if now - tracked.beat_seen >= self._timing.grace:
            self._retry(tracked, self._lost(tracked))

    def _lost(self, tracked: _Tracked) -> Lost:
        number = str(tracked.note.id)
        words = self._scheduler.last_words(number)
        sentence = f"job {number} disappeared from the queue without telling how it ended"
        return Lost(tracked.job, KILLED, f"{sentence}; its last words: {words}" if words else sentence)

    def _close(self, tracked: _Tracked, end: ExitNote) -> None:
        """Settle a job that noted its end, or submit it again if it was ended from outside."""
        if _from_outside(end):
            self._retry(tracked, _finished(tracked.job, end))
        else:
            self._settle(_finished(tracked.job, end))

    def _retry(self, tracked: _Tracked, finished: Finished) -> None:
        """Submit a job again that did not end by itself, or give it up."""
        if tracked.note.attempt >= self._retries:
            self._settle(finished)
            return
        del self._sent[tracked.job.name]
        self._wait_for_poll(_Tracked(tracked.job, next_note(tracked.note)))

    def _settle(self, finished: Finished) -> None:
        """Be done with a job; without job.json nothing of it begins any more, and no later session adopts it."""
        name = finished.job.name
        tracked = self._waiting.pop(name, None) or self._sent.pop(name)
        remove_notes(tracked.folder, JOB, ALIVE)
        if not finished.failed and tracked.note.id is not None:
            self._scheduler.forget(tracked.note.id)
        self._ended.append(finished)

    # -- cancelling and adopting -------------------------------------------------------------------

    def _revoke(self, chosen: Sequence[_Tracked]) -> None:
        for tracked in chosen:
            tracked.note = replace(tracked.note, revoked=True)
            write_note(tracked.folder, tracked.note)
        if chosen:
            self._scheduler.kill([str(tracked.note.id) for tracked in chosen])

    def _look_at_cancelled(self, left: Sequence[_Tracked]) -> None:
        known = self._known(left)
        for tracked in left:
            end = tracked.exit_note()
            if end is not None:
                self._settle(_finished(tracked.job, end))
            elif self._gone(tracked, known):
                self._settle(Finished(tracked.job, CANCELLED, last_line(tracked.job)))

    def _gone(self, tracked: _Tracked, known: set[str] | None) -> bool:
        """Whether a revoked job without a last word is over, or will be as soon as it begins."""
        if not self._scheduler.can_tell:
            return not tracked.begun
        return known is not None and tracked.note.id not in known

    def _number(self, job: Job, note: JobNote) -> str | None:
        """Number of an earlier session's job; None if it cannot be taken over."""
        if note.kind != self._scheduler.kind or note.revoked or job.name in self._sent:
            return None
        if note.id is None:  # the session was killed while it submitted; a job that has begun tells its number
            alive = read_alive(job.log.parent)
            return alive.id if alive is not None and alive.token == note.token else None
        return note.id


def _from_outside(end: ExitNote) -> bool:
    """Whether something else than the command ended it, so that it may go on another time."""
    stopped = end.stopped_by not in (None, "revoked")
    return end.exit_code != 0 and not end.remark and (stopped or end.exit_code in (KILLED, CANCELLED))


def _finished(job: Job, end: ExitNote) -> Finished:
    return Finished(job, end.exit_code, end.remark or last_line(job))
