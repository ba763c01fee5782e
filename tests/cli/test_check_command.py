"""`neptuner check` as a user calls it."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import neptuner.audit
from checked_data import N_TEST, N_TRAIN, NET_FORCE, NO_NUMBER, bad_line, clean_frames, write_clean, write_flawed
from neptuner.audit.audit import audit
from neptuner.cli.app import app
from neptuner.cli.check import _write_suggestion
from neptuner.errors import InputError
from neptuner.files.extxyz import write_frames
from neptuner.files.nep_in import read_nep_in

PAGE = Path(__file__).parents[2] / "docs" / "check.md"


def run(*arguments: object) -> Result:
    """Run ``neptuner check`` in this process."""
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def program(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run ``neptuner`` as a program."""
    command = [sys.executable, "-m", "neptuner", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd)


@pytest.fixture
def flawed(tmp_path: Path) -> tuple[Path, Path]:
    return write_flawed(tmp_path)


def test_errors_are_named_with_frame_and_line_and_end_with_2(flawed: tuple[Path, Path]) -> None:
    done = run(*flawed)
    assert done.exit_code == 2
    lines = done.stdout.splitlines()
    place = f"{flawed[0]}, frame {NO_NUMBER}, line {bad_line()}: "
    assert lines[lines.index("error    unreadable") + 1] == f"         {place}found `oops`, expected a finite number"
    assert lines[lines.index("error    unreadable") + 2].startswith("         -> mend the line")
    counted = re.search(r"^1 error, (\d) warnings, 1 note$", done.stdout, re.MULTILINE)
    assert counted is not None
    assert int(counted[1]) == sum(line.startswith("warning  ") for line in lines)


def test_it_says_what_was_looked_at_and_offers_settings(flawed: tuple[Path, Path]) -> None:
    lines = run(*flawed).stdout.splitlines()
    assert lines[0].split() == [str(flawed[0]), str(N_TRAIN - 1), "frames,", "488", "atoms:", "O", "Mg", "S", "Ca"]
    assert lines[1].split()[:3] == [str(flawed[1]), str(N_TEST), "frames,"]
    assert re.fullmatch(r"to begin with: cutoff \S+ \S+, n_max .* \(\d+ parameters\); --suggest .*", lines[-1])


def test_like_findings_stand_together(flawed: tuple[Path, Path]) -> None:
    done = run(flawed[0]).stdout
    part = done[done.index("warning  net-force") :].split("\n\n")[0].splitlines()
    assert part[0] == f"warning  net-force  {len(NET_FORCE)} frames"
    assert [int(re.search(r"frame (\d+), line", line)[1]) for line in part[1:4]] == list(NET_FORCE[:3])  # type: ignore[index]
    assert part[4].strip() == f"and 2 more: {flawed[0]}, frames {NET_FORCE[3]}, {NET_FORCE[4]}"
    assert part[5].startswith("         -> ")
    assert len(part) == 6


def test_without_errors_the_exit_code_is_0(tmp_path: Path) -> None:
    done = run(*write_clean(tmp_path))
    assert done.exit_code == 0
    assert "error    " not in done.stdout
    assert re.search(r"^2 notes$", done.stdout, re.MULTILINE)


def test_json_has_every_finding_and_nothing_else_is_printed(flawed: tuple[Path, Path], tmp_path: Path) -> None:
    call = ("check", *flawed, "--json", "--html", "page.html", "--suggest", "new.in")
    done = program(*call, cwd=tmp_path)
    found = json.loads(done.stdout)
    assert done.returncode == 2
    assert (found["schema"], found["counts"]["error"]) == (1, 1)
    forces = [one["frame"] for one in found["findings"] if one["code"] == "net-force"]
    assert forces == list(NET_FORCE)
    assert found["sets"][str(flawed[0])]["frames"] == N_TRAIN - 1
    assert found["suggestion"]["nep_in"] == (tmp_path / "new.in").read_text()
    assert done.stderr.splitlines() == [
        "page.html: the page of this audit", "new.in: settings to begin with, with their reasons"
    ]  # fmt: skip
    assert (tmp_path / "page.html").stat().st_size > 1_000_000


def test_settings_are_compared_with_the_frames(tmp_path: Path) -> None:
    train, _ = write_clean(tmp_path)
    nep_in = tmp_path / "nep.in"
    nep_in.write_text("type 3 Mg O S\ncutoff 6 4\n")
    done = run(train, "--nep", nep_in)
    assert done.exit_code == 2
    assert "error    element-not-in-type" in done.stdout
    assert "thinner than the cutoff" not in done.stdout
    assert f"Ca is not in the `type` line of {nep_in}" in done.stdout


def test_the_suggested_settings_train(tmp_path: Path) -> None:
    write_clean(tmp_path)
    done = program("check", "train.xyz", "test.xyz", "--suggest", "nep.in", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "nep.in: settings to begin with, with their reasons"
    assert "to begin with: " not in done.stdout
    text = (tmp_path / "nep.in").read_text()
    settings = read_nep_in(tmp_path / "nep.in")
    assert set(settings.type) == {"O", "Mg", "Ca", "S"}
    assert f"\ncutoff       {settings.cutoff[0]:g} {settings.cutoff[1]:g}\n" in text
    trained = program("train", "--steps", 5, "--threads", 1, "--json", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    parameters = json.loads(trained.stdout)["parameters"]
    assert f"# {parameters} parameters in all" in text


def test_nothing_is_overwritten_by_a_suggestion(tmp_path: Path) -> None:
    train, _ = write_clean(tmp_path)
    (tmp_path / "nep.in").write_text("type 1 Te\n")
    done = program("check", train, "--suggest", "nep.in", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == ("neptuner: nep.in: is there already, and is not overwritten; give --suggest another name\n")
    assert done.stdout == ""
    assert (tmp_path / "nep.in").read_text() == "type 1 Te\n"


def test_a_file_without_a_readable_frame_is_still_reported(tmp_path: Path) -> None:
    path, wanted = tmp_path / "train.xyz", tmp_path / "new.in"
    path.write_text("2\nProperties=species:S:1\nMg\nO\n")
    done = run(path, "--html", tmp_path / "page.html")
    assert done.exit_code == 2
    assert done.stdout.startswith(f"{path}  no frame can be read\n\nerror    unreadable\n")
    assert "No frame could be read." in (tmp_path / "page.html").read_text()
    with pytest.raises(InputError, match="nothing can be suggested"):
        CliRunner().invoke(app, ["check", str(path), "--suggest", str(wanted)], catch_exceptions=False)
    assert not wanted.exists()


def test_what_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    train, test = write_clean(tmp_path)
    before = test.read_bytes()
    for option, path, expected in (
        ("--html", test, "expected one that ends with .html"),
        ("--html", tmp_path / "no" / "page.html", "cannot be written"),
        ("--suggest", tmp_path / "no" / "nep.in", "cannot be written"),
        ("--suggest", tmp_path, "cannot be written"),
    ):
        with pytest.raises(InputError, match=expected):
            CliRunner().invoke(app, ["check", str(train), option, str(path)], catch_exceptions=False)
    assert test.read_bytes() == before


def test_missing_and_empty_files_are_errors_of_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.xyz").touch()
    write_frames(tmp_path / "train.xyz", clean_frames()[0][:2])
    for call in (("no.xyz",), ("train.xyz", "empty.xyz")):
        done = program("check", *call, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stdout == ""
        assert re.fullmatch(rf"neptuner: {call[-1]}: .*\n", done.stderr)


def test_the_training_set_is_no_test_set(tmp_path: Path) -> None:
    train, _ = write_clean(tmp_path)
    (tmp_path / "link.xyz").symlink_to(train)
    for test in (train, tmp_path / "link.xyz"):
        with pytest.raises(InputError, match="is the training set, too"):
            CliRunner().invoke(app, ["check", str(train), str(test)], catch_exceptions=False)


def test_page_and_settings_need_names_of_their_own(tmp_path: Path) -> None:
    train, _ = write_clean(tmp_path)
    both = str(tmp_path / "both.html")
    with pytest.raises(InputError, match="for both --html and --suggest"):
        CliRunner().invoke(app, ["check", str(train), "--html", both, "--suggest", both], catch_exceptions=False)


def test_settings_that_appear_during_the_audit_are_kept(tmp_path: Path) -> None:
    train, _ = write_clean(tmp_path)
    found, path = audit(train), tmp_path / "nep.in"
    path.write_text("type 1 Te\n")
    with pytest.raises(InputError, match="is there by now"):
        _write_suggestion(found, path)
    assert path.read_text() == "type 1 Te\n"


def test_a_name_that_is_not_utf8_gets_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, _ = write_clean(tmp_path)
    odd = train.rename(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff.xyz"))
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")
    done = program("check", odd, "--html", "page.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "odd?.xyz  24 frames" in done.stdout
    assert "odd?.xyz" in (tmp_path / "page.html").read_text()


def test_a_terminal_gets_colours_and_whole_words(flawed: tuple[Path, Path], tmp_path: Path) -> None:
    shown = in_terminal(["check", "train.xyz", "test.xyz"], tmp_path, columns=60)
    assert "\x1b[1;31merror" in shown
    assert "\x1b[1;33mwarning" in shown
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown).replace("\r\n", "\n")
    assert max(map(len, plain.splitlines())) <= 60
    joined = " ".join(plain.split())
    assert "-> mend the line; the rest of its frame has not been looked at" in joined


def in_terminal(arguments: list[str], folder: Path, columns: int) -> str:
    """What a terminal of so many columns gets from ``neptuner``."""
    master, slave = pty.openpty()
    env = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "CI")}
    env |= {"COLUMNS": str(columns), "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "neptuner", *arguments]
    with subprocess.Popen(command, cwd=folder, env=env, stdout=slave, stderr=slave) as process:
        os.close(slave)
        parts = []
        try:
            while part := os.read(master, 4096):
                parts.append(part)
        except OSError:  # the end of a terminal
            pass
        process.wait(timeout=60)
    os.close(master)
    return b"".join(parts).decode()


def test_the_manual_has_every_code_with_its_severity() -> None:
    sources = [path.read_text() for path in Path(neptuner.audit.__path__[0]).glob("*.py")]
    given = {pair for text in sources for pair in re.findall(r'"(error|warning|note)",\s*"([a-z-]{5,})"', text)}
    named = {code for text in sources for code in re.findall(r'severity, "([a-z-]+)"', text)}
    tables = PAGE.read_text().partition("## What is looked for\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| ([a-z, ]+) \|", tables, re.MULTILINE)
    listed = {(severity, code) for code, severities in rows for severity in severities.split(", ")}
    given = {(severity, code) for severity, code in given if code not in ("warning", "error")}
    assert len(given) > 25
    assert given <= listed
    assert {code for _, code in listed} == {code for _, code in given} | named


def test_the_manual_lists_the_keys(flawed: tuple[Path, Path]) -> None:
    found = json.loads(run(*flawed, "--nep", flawed[0].with_name("no.in"), "--json").stdout)
    one = {key for finding in found["findings"] for key in finding}
    top = PAGE.read_text().partition("## Fields of the object\n")[2].partition("\n###")[0]
    assert found.keys() == keys_of(top)
    for heading, keys in (
        ("A finding", one),
        ("What a file holds", found["sets"][str(flawed[0])].keys()),
        ("The suggestion", found["suggestion"].keys()),
    ):
        assert keys == keys_of(PAGE.read_text().partition(f"### {heading}\n")[2].partition("\n#")[0]), heading


def keys_of(section: str) -> set[str]:
    """Keys in the first column of the table of a section."""
    return {key for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)}
