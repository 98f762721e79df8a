"""Steps of set-up: run when needed, resumed after a failure, ended together."""

import subprocess
import sys
import time

import pytest

from scripts.setup import runner, tools
from scripts.setup.runner import Progress, Step
from scripts.setup.tools import SetupError, Tool, check_tools


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    monkeypatch.setattr(runner, "STAMPS", tmp_path / "stamps")
    monkeypatch.setattr(runner, "LOGS", tmp_path / "logs")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").write_text("1")
    return tmp_path


def python(code):
    return lambda shell: shell(sys.executable, "-c", code, cwd=runner.ROOT)


def copying(tree, **more):
    """A step that makes `made` of `source/a` and counts its runs in `runs`."""
    code = "open('made', 'w').write(open('source/a').read()); open('runs', 'a').write('x')"
    return Step("copy", python(code), (tree / "made",), inputs=(tree / "source",), **more)


def run(*steps):
    runner.run(list(steps), Progress(len(steps)))


def test_a_step_runs_again_only_if_input_fact_or_product_changed(tree, capsys):
    run(copying(tree))
    run(copying(tree))
    assert (tree / "runs").read_text() == "x"
    assert "[1/1] copy       cached" in capsys.readouterr().out
    (tree / "source" / "a").write_text("2")
    run(copying(tree))
    assert ((tree / "made").read_text(), (tree / "runs").read_text()) == ("2", "xx")
    (tree / "source" / "b").write_text("new")
    run(copying(tree))
    (tree / "made").unlink()
    run(copying(tree))
    run(copying(tree, facts=("another version",)))
    assert (tree / "runs").read_text() == "xxxxx"


def test_a_failure_shows_its_output_and_is_tried_again(tree):
    failing = Step("fail", python("print('no disk left'); raise SystemExit(3)"), (tree / "made",))
    for _ in range(2):
        with pytest.raises(SetupError, match="no disk left"):
            run(failing)
    assert not failing.stamp.exists()


def test_a_step_that_makes_nothing_is_a_failure(tree):
    with pytest.raises(SetupError, match="did not make"):
        run(Step("idle", python("pass"), (tree / "made",)))


def test_a_step_waits_for_those_it_names(tree):
    first = Step("first", python("import time; time.sleep(.3); open('one', 'w')"), (tree / "one",))
    second = Step("second", python("open('one'); open('two', 'w')"), (tree / "two",), after=("first",))
    run(second, first)
    assert (tree / "two").exists()


def test_a_failure_ends_the_others_at_once(tree):
    slow = Step("slow", python("import time; time.sleep(500)"), (tree / "made",))
    failing = Step("fail", python("import time; time.sleep(.3); raise SystemExit(1)"), (tree / "made",))
    begun = time.monotonic()
    with pytest.raises(SetupError):
        run(slow, failing)
    assert time.monotonic() - begun < 250


def test_what_is_begun_while_the_others_are_ended_is_ended_too(tree, monkeypatch):
    shell, start = runner.Shell(tree / "log", None), subprocess.Popen

    def late(*args, **options):
        shell.stop()
        return start(*args, **options)

    monkeypatch.setattr(subprocess, "Popen", late)
    with pytest.raises(SetupError):
        python("import time; time.sleep(500)")(shell)


def test_missing_tools_are_named_with_how_to_get_them(monkeypatch):
    present = Tool("a shell", lambda: True, ("dash",), (0,), "")
    absent = Tool("a loom", lambda: False, ("loom",), (1,), "ask a weaver")
    monkeypatch.setattr(tools, "TOOLS", (present, absent))
    monkeypatch.setattr(tools.os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError, match="lacks\n  a loom: ask a weaver\n") as caught:
        check_tools()
    assert "shell" not in str(caught.value)
