from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptuner.errors import InputError
from neptuner.launch.base import Job
from neptuner.launch.command import ENDED, CommandLauncher, CommandOptions, CommandScheduler, script_text
from neptuner.launch.notes import first_note, read_alive, read_note
from neptuner.launch.queued import QueuedLauncher, Timing
from neptuner.launch.testing import WAITING, LastingSuite, python_job, until, up, wait

QUICK = Timing(look=0.05, ask=0.1, grace=2.0, again=0.2, cancel=30.0, touch=0.1)

QSUB = """#!/bin/bash
echo "$@" >> "$0.calls"
{extra}
setsid "${{@: -1}}" > /dev/null 2> /dev/null < /dev/null &
echo "{answer}"
"""
QDEL = '#!/bin/bash\necho "$@" >> "$0.calls"\nkill -TERM "${1%.host}"\n'
QSTAT = '#!/bin/bash\necho "$@" >> "$0.calls"\nkill -0 "${1%.host}" 2> /dev/null\n'


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def pbs(tmp_path: Path) -> CommandOptions:
    """A scheduler that starts everything at once, in a folder with a space in its name."""
    folder = tmp_path / "the programs"
    folder.mkdir()
    qsub = program(folder, "qsub", QSUB.format(extra="", answer="$!.host"))
    qdel, qstat = program(folder, "qdel", QDEL), program(folder, "qstat", QSTAT)
    return CommandOptions(f"'{qsub}' -q long {{script}}", f"'{qdel}' {{id}}", f"'{qstat}' {{id}}")


def calls(options: CommandOptions, name: str) -> list[str]:
    path = Path(options.submit.split("'")[1]).with_name(f"{name}.calls")
    return path.read_text().splitlines() if path.exists() else []


class TestCommandLauncher(LastingSuite):
    @pytest.fixture(autouse=True)
    def _pbs(self, pbs: CommandOptions) -> None:
        self.options = pbs

    def make(self, jobs: int) -> QueuedLauncher:
        return CommandLauncher(jobs, self.options, retries=0, timing=QUICK)


class TestCommandLauncherWithoutStatus(LastingSuite):
    """Neither status nor cancel: only the notes tell."""

    @pytest.fixture(autouse=True)
    def _pbs(self, pbs: CommandOptions) -> None:
        self.options = CommandOptions(pbs.submit)

    def make(self, jobs: int) -> QueuedLauncher:
        return CommandLauncher(jobs, self.options, retries=0, timing=QUICK)


def begun(job: Job) -> bool:
    return up(job) and read_alive(job.log.parent) is not None


@pytest.mark.parametrize("status", [True, False], ids=["status", "no status"])
def test_lost_job_is_submitted_again(pbs: CommandOptions, tmp_path: Path, status: bool) -> None:
    options = pbs if status else CommandOptions(pbs.submit)
    launcher = CommandLauncher(1, options, retries=1, timing=QUICK)
    job = python_job(tmp_path, WAITING)
    launcher.submit(job)
    until(lambda: launcher.poll() == [] and begun(job))
    alive = read_alive(job.log.parent)
    assert alive is not None
    os.kill(alive.pid, 9)
    (job.log.parent / "go").touch()
    (finished,) = wait(launcher)
    assert finished.exit_code == 0 and len(calls(pbs, "qsub")) == 2


@pytest.mark.parametrize("number", [10, 12, 15])
def test_job_at_its_time_limit_goes_on_in_another(pbs: CommandOptions, tmp_path: Path, number: int) -> None:
    """Whatever signal the scheduler sends, the command gets SIGTERM and the log goes on."""
    launcher = CommandLauncher(1, pbs, retries=1, timing=QUICK)
    code = (
        "import pathlib, signal, sys, time; folder = pathlib.Path(sys.argv[1])\n"
        "if (folder / 'state').exists(): print('went on'); sys.exit()\n"
        "signal.signal(15, lambda *_: ((folder / 'state').touch(), print('saved'), sys.exit(3)))\n"
        "(folder / 'up').touch(); time.sleep(600)"
    )
    job = python_job(tmp_path, code)
    launcher.submit(job)
    until(lambda: launcher.poll() == [] and begun(job))
    alive = read_alive(job.log.parent)
    assert alive is not None
    os.kill(alive.pid, number)
    (finished,) = wait(launcher)
    assert (finished.exit_code, job.log.read_text().split("\n")[:2]) == (0, ["saved", "went on"])


def test_scheduler_that_is_away_is_tried_again(tmp_path: Path) -> None:
    extra = 'test -e "$0.up" || { touch "$0.up"; echo "cannot connect to server" >&2; exit 1; }'
    qsub = program(
        tmp_path, "qsub", QSUB.format(extra=extra, answer="Job <$!> is submitted to default queue <normal>.")
    )
    launcher = CommandLauncher(1, CommandOptions(f"{qsub} {{script}}"), timing=QUICK)
    job = python_job(tmp_path, "")
    launcher.submit(job)
    assert launcher.poll() == []
    (finished,) = wait(launcher)
    assert finished.exit_code == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#!/bin/bash\necho 'Unknown queue' >&2; exit 3\n", "failed with exit code 3: Unknown queue"),
        ("#!/bin/bash\necho submitted\n", "printed no job number: 'submitted"),
    ],
)
def test_refusal_is_told(tmp_path: Path, text: str, reason: str) -> None:
    launcher = CommandLauncher(1, CommandOptions(f"{program(tmp_path, 'qsub', text)} {{script}}"), timing=QUICK)
    launcher.submit(python_job(tmp_path, ""))
    (finished,) = launcher.poll()
    assert finished.failed and reason in finished.reason


def test_given_up_job_does_nothing(pbs: CommandOptions, tmp_path: Path) -> None:
    """A job whose note was replaced, as by another session, ends without running anything."""
    job = python_job(tmp_path, "print('run')")
    note = first_note("command", job)
    (job.log.parent / "script.sh").write_text(script_text(job.log.parent, note))
    done = subprocess.run(["bash", job.log.parent / "script.sh"], capture_output=True, text=True)
    assert done.returncode == 75 and "given up" in done.stderr and not job.log.exists()


def test_command_that_cannot_be_started(pbs: CommandOptions, tmp_path: Path) -> None:
    launcher = CommandLauncher(1, pbs, timing=QUICK)
    (tmp_path / "job").mkdir()
    launcher.submit(Job("job", (str(tmp_path / "absent"),), tmp_path / "job" / "log.txt"))
    (finished,) = wait(launcher)
    assert finished.exit_code == 127 and finished.reason.startswith("cannot be started: ")


def test_another_kind_of_launcher_ends_the_jobs(pbs: CommandOptions, tmp_path: Path) -> None:
    """A study whose launcher was changed: nothing may run twice."""
    launcher, job = CommandLauncher(1, pbs, timing=QUICK), python_job(tmp_path, WAITING)
    launcher.submit(job)
    until(lambda: launcher.poll() == [] and begun(job))
    other = CommandLauncher(1, pbs, timing=QUICK)
    other._scheduler.kind = "other"
    assert other.adopt([job]) == []
    assert read_note(job.log.parent) is None and not os.path.lexists(job.log.parent / "alive.json")
    (job.log.parent / "go").touch()
    assert "done" not in job.log.read_text()


WORD = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(folder=WORD.filter(lambda word: "/" not in word), name=WORD)
def test_script_runs_exactly_the_words(folder: str, name: str) -> None:
    """Nothing of a path is read by the shell."""
    job = Job(name, ("true",), Path("/tmp") / folder / "log.txt")
    text = script_text(job.log.parent, first_note("command", job))
    last = text.rsplit("\nexec ", 1)[1]
    shown = "import sys; sys.stdout.write(repr(sys.argv[3:]))"
    printed = subprocess.run(
        ["bash", "-c", f'exec() {{ "{sys.executable}" -ISc "{shown}" "$@"; }}; exec {last}'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert printed.stdout.startswith(repr(["neptuner.launch.exit_note", str(Path("/tmp") / folder)])[:-1])


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("1234.host.edu\n", "1234.host.edu"),
        ("1234[].host\n", "1234[].host"),
        ("Job <571> is submitted to queue <normal>.\n", "571"),
        ('Your job 88 ("n_max-8") has been submitted\n', "88"),
    ],
)
def test_numbers_of_the_usual_schedulers(answer: str, number: str) -> None:
    found = CommandScheduler(CommandOptions("true {script}"))._number.search(answer)
    assert found is not None and found.group() == number


def test_one_listing_for_all(tmp_path: Path) -> None:
    listing = program(tmp_path, "qstat", "#!/bin/bash\necho '12.cutname  n-1  R'; echo '345  n-2  Q'\n")
    scheduler = CommandScheduler(CommandOptions("true {script}", status=str(listing)))
    assert scheduler.known(["12.cutname.edu", "345", "34", "2"]) == {"12.cutname.edu", "345"}
    listing.write_text("#!/bin/bash\nexit 1\n")
    assert scheduler.known(["345"]) is None


def test_finished_jobs_that_bjobs_still_shows() -> None:
    assert ENDED.search("571  me  DONE  normal") and not ENDED.search("571  me  RUN  normal")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (CommandOptions("true"), r"no \{script\}"),
        (CommandOptions("true {skript}"), r"unknown \{skript\}"),
        (CommandOptions("true 'a {script}"), "unbalanced quotes"),
        (CommandOptions("no-such-program {script}"), "no such program"),
        (CommandOptions("true {script}", cancel="qdel"), r"no \{id\}"),
        (CommandOptions("true {script}", status=" "), "no words"),
        (CommandOptions("true {script}", id="(\\d"), "not a regular expression"),
    ],
)
def test_wrong_options_are_told(options: CommandOptions, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CommandScheduler(options)
