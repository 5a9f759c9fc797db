"""What nobody caught, and what could not be written: the log says where and of what type, never with which value."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability.served import environ

ROOT = Path(__file__).parents[1]
SECRET = "kanarienvogel"
BEGIN = """
import logging, sys, threading
from broker import logs
from broker.settings.model import LogSettings

SECRET = sys.argv[2]

class Fault(Exception):
    pass

logs.begin(LogSettings(format=sys.argv[1]))
"""
IN_MAIN = "try:\n    {}[SECRET]\nexcept KeyError:\n    raise Fault(SECRET)\n"
IN_THREAD = """
def work():
    raise Fault(SECRET)

thread = threading.Thread(target=work, name="at work")
thread.start()
thread.join()
"""
NOWHERE = """
class Ended:
    def __del__(self):
        raise Fault(SECRET)

Ended()
"""
ENDED = "thread = threading.Thread(target=sys.exit)\nthread.start()\nthread.join()\n"
HALTED = "raise KeyboardInterrupt(SECRET)\n"
NOT_A_NUMBER = 'logging.getLogger("one").warning("%d", SECRET)\n'
NO_TEXT = """
class Odd:
    def __str__(self):
        raise Fault(SECRET)

logging.getLogger("one").warning("%s and %s", Odd(), SECRET)
"""


def written(program: str, form: str) -> str:
    """Return what a process writes to its standard error that logs in this form."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + program, form, SECRET],
        cwd=ROOT,
        env=environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "program, said, place",
    [
        pytest.param(IN_MAIN, "nobody caught an exception", "__main__.Fault", id="main thread"),
        pytest.param(IN_THREAD, "a thread ended: name=at work", "in work", id="thread"),
        pytest.param(NOWHERE, "an exception could not be raised", "in __del__", id="nowhere"),
    ],
)
def test_t12_an_exception_that_nobody_caught_is_logged_without_its_message(
    program: str, said: str, place: str, form: str
) -> None:
    told = written(program, form)
    assert SECRET not in told
    assert said in told
    assert place in told
    assert "__main__.Fault" in told
    if form == "json":
        assert [json.loads(line)["event"] for line in told.splitlines()] == [said]


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("program, error", [(NOT_A_NUMBER, "TypeError"), (NO_TEXT, "Fault")])
def test_t12_a_line_that_cannot_be_written_is_told_of_and_not_shown(program: str, error: str, form: str) -> None:
    told = written(f'{program}\nlogging.getLogger("two").warning("goes on")', form)
    assert SECRET not in told
    lines = told.splitlines()
    assert f"a line of one was not written: error={error}" in lines[0]
    assert "goes on" in lines[1]
    assert len(lines) == 2


@pytest.mark.parametrize("program", [ENDED, HALTED, "sys.stderr.close()\n" + NOT_A_NUMBER])
def test_an_end_that_was_asked_for_is_no_error_and_where_nobody_hears_nothing_is_said(program: str) -> None:
    assert written(program, "json") == ""
