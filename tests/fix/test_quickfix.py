"""Against a second engine: QuickFIX/Go, with its dictionary of FIX 4.4 holding every message of ours to the letter."""

import json
import os
import queue
import subprocess
import threading
from pathlib import Path

import pytest

from offchain.paths import BUILD, ROOT
from scripts.ports import kept_port
from tests.fix import peer
from tests.fix.peer import PASSWORD, now

SOURCE = ROOT / "tests" / "fix" / "initiator"
BINARY = BUILD / "bin" / "fix-initiator"
MODULE = "github.com/quickfixgo/quickfix"
PATIENCE = 180.0


@pytest.fixture(scope="module")
def dictionary() -> Path:
    """The engine, built, and its dictionary. Skipped only where its modules cannot be fetched."""
    BINARY.parent.mkdir(parents=True, exist_ok=True)
    fetched = subprocess.run(["go", "mod", "download"], cwd=SOURCE, capture_output=True, text=True)
    if fetched.returncode:
        pytest.skip(f"QUICKFIX/GO IS NOT TESTED AGAINST: its modules cannot be fetched: {fetched.stderr[-500:]}")
    own = BINARY.with_suffix(f".{os.getpid()}")
    subprocess.run(["go", "build", "-o", own, "."], cwd=SOURCE, check=True)
    own.replace(BINARY)     # whole at once: another run may be using it
    listed = ["go", "list", "-m", "-f", "{{.Dir}}", MODULE]
    folder = subprocess.run(listed, cwd=SOURCE, check=True, capture_output=True, text=True).stdout.strip()
    return Path(folder) / "spec" / "FIX44.xml"


class Engine:
    """A process of the engine; its numbers are in `folder`, so a successor resumes.

    It may drop what it is told to send while it fills a gap, and sends that again when asked: so soon
    as the next heartbeat shows it, hence a short interval.
    """

    def __init__(self, port: int, folder: Path, dictionary: Path, password: str = PASSWORD, **more: str):
        self._process = subprocess.Popen([BINARY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lines: queue.Queue[dict | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.messages: list[dict[int, str]] = []
        settings = {
            "BeginString": "FIX.4.4", "SenderCompID": "DESK", "TargetCompID": "SHADOWPOOL", "HeartBtInt": "10",
            "SocketConnectHost": "127.0.0.1", "SocketConnectPort": str(port), "ReconnectInterval": "1",
            "FileStorePath": str(folder), "DataDictionary": str(dictionary), "RejectInvalidMessage": "Y",
        }  # fmt: skip
        self.do("setup", settings=settings | more, password=password)

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)

    def do(self, command: str, **more) -> "Engine":
        self._process.stdin.write(json.dumps({"do": command} | more) + "\n")
        self._process.stdin.flush()
        self.until(lambda event: event["event"] == "done")
        return self

    def start(self) -> "Engine":
        self.do("start")
        return self.until_event("logon")

    def until(self, wanted) -> dict:
        """The next event that is wanted; messages on the way are kept."""
        while True:
            event = self._lines.get(timeout=PATIENCE)
            assert event is not None, "the engine died"
            assert event["event"] != "failed", event
            if event["event"] in ("in", "out"):
                message = dict(part.split("=", 1) for part in event["message"].split("\x01")[:-1])
                event["fields"] = {int(tag): value for tag, value in message.items()}
                self.messages.append({0: event["event"]} | event["fields"])
                peer.counted["messages"] += 1
            if wanted(event):
                return event

    def until_event(self, name: str) -> "Engine":
        self.until(lambda event: event["event"] == name)
        return self

    def expect(self, kind: str, way: str = "in", **fields: object) -> dict[int, str]:
        wanted = {35: kind} | {int(tag[1:]): str(value) for tag, value in fields.items()}

        def fits(event: dict) -> bool:
            return event["event"] == way and wanted.items() <= event["fields"].items()

        return self.until(fits)["fields"]

    def order(self, name: str, **more: object) -> None:
        fields = {11: name, 55: 0, 54: 1, 60: now(), 38: 10, 40: 2, 44: 500}
        fields |= {int(tag[1:]): value for tag, value in more.items()}
        self.do("send", type="D", fields={str(tag): str(value) for tag, value in fields.items()})

    def cancel(self, name: str, original: str) -> None:
        fields = {41: original, 11: name, 55: 0, 54: 1, 60: now(), 38: 10}
        self.do("send", type="F", fields={str(tag): str(value) for tag, value in fields.items()})

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()

    def complaints(self) -> list[dict[int, str]]:
        """What the engine found wrong with us, or we with it."""
        return [message for message in self.messages if message[35] in ("3", "j")]


@pytest.fixture
def engines(acceptor, tmp_path, dictionary):
    """Makes engines on one set of numbers; complaints of any fail the test."""
    made: list[Engine] = []
    (tmp_path / "numbers").mkdir()

    def make(**more) -> Engine:
        made.append(Engine(more.pop("port", None) or acceptor.port, tmp_path / "numbers", dictionary, **more))
        return made[-1]

    yield make
    for engine in made:
        engine.kill()
        assert engine.complaints() == []


def test_every_kind_of_report_is_to_the_dictionary(desk, engines):
    engine = engines().start()
    for name in "abcdef":
        engine.order(name, t1="ACCOUNT", t59="0")
        engine.expect("8", t11=name, t150="A")
        if name != "f":
            desk.commit(f"fix:DESK:{name}")
            engine.expect("8", t11=name, t150="0", t39="0")
    desk.fill("fix:DESK:a", 10, 499)
    engine.expect("8", t11="a", t150="F", t39="2", t32=10, t31=499, t6=499, t151=0)
    desk.fill("fix:DESK:b", 4, 499)
    engine.expect("8", t11="b", t150="F", t39="1", t14=4, t151=6)
    engine.expect("8", t11="b", t150="C", t39="C", t14=4, t151=0)
    desk.give_back("fix:DESK:c", 5)
    engine.expect("8", t11="c", t150="C")
    engine.cancel("d2", "d")
    engine.expect("8", t11="d2", t41="d", t150="6")
    engine.expect("8", t11="d2", t41="d", t150="4", t39="4")
    desk.reveal("fix:DESK:e")
    engine.cancel("e2", "e")
    engine.expect("9", t11="e2", t41="e", t102=0)
    desk.fail("fix:DESK:f")
    engine.expect("8", t11="f", t150="8", t103=99)
    engine.order("g", t44="1.5")
    assert "whole number" in engine.expect("8", t11="g", t150="8")[58]
    engine.do("send", type="H", fields={"11": "e", "55": "0", "54": "1"})
    engine.expect("8", t11="e", t150="I")
    engine.do("send", type="AF", fields={"584": "all", "585": "7"})
    engine.expect("8", t11="e", t150="I", t584="all", t911=1, t912="Y")
    engine.do("stop")
    assert engine.messages[-1][0] == "in" and engine.messages[-1][35] == "5"


def test_an_engine_killed_while_reports_are_made_gets_each_once(desk, engines):
    first = engines().start()
    first.order("a")
    first.expect("8", t150="A")
    first.kill()
    desk.commit("fix:DESK:a")
    desk.fill("fix:DESK:a", 10, 499)
    second = engines().start()
    second.expect("8", t150="0")
    second.expect("8", t150="F")
    reports = [message for engine in (first, second) for message in engine.messages if message[35] == "8"]
    told: set[str] = set()
    for report in reports:      # killed before it kept the number of one, the engine asks for that again
        assert report[17] not in told or report[43] == "Y"
        told.add(report[17])
    assert len(told) == 3


def test_an_engine_that_forgot_what_it_got_asks_for_it(desk, engines):
    engine = engines().start()
    for name in "abc":
        engine.order(name)
        engine.expect("8", t11=name)
    engine.do("stop")
    engine.kill()
    engine = engines()
    engine.do("next_in", number=2)
    engine.start()
    engine.expect("2", "out", t7=2)
    again = [engine.expect("8", t43="Y") for _ in "abc"]
    assert [message[11] for message in again] == list("abc")
    engine.order("d")
    engine.expect("8", t11="d")


def test_an_engine_that_lost_messages_on_the_way_is_asked_for_them(engines):
    engine = engines()
    engine.do("next_out", number=8)
    engine.start()
    engine.expect("2", t7=1, t16=0)
    engine.expect("4", "out", t36=9)
    engine.order("a")
    engine.expect("8", t11="a", t150="A")


def test_an_engine_that_begins_anew(desk, engines):
    first = engines().start()
    first.order("a")
    first.expect("8", t11="a")
    first.kill()
    second = engines(ResetOnLogon="Y").start()
    desk.commit("fix:DESK:a")
    assert second.expect("8", t11="a", t150="0")[34] == "2"


def test_an_engine_outlives_a_restart_of_the_acceptor(acceptors, desk, engines):
    with kept_port() as port:
        acceptor = acceptors(port=port)
        engine = engines(port=port).start()
        engine.order("a")
        engine.expect("8", t150="A")
        stopping = threading.Thread(target=acceptor.stop)
        stopping.start()
        engine.expect("5")
        stopping.join()
        engine.until_event("logout")
        desk.commit("fix:DESK:a")
        acceptors(port=port)
        engine.until_event("logon")
        engine.expect("8", t11="a", t150="0")
        engine.kill()       # before the acceptor goes


def test_heartbeats_keep_an_idle_session(engines):
    engine = engines(HeartBtInt="2").start()
    for _ in range(3):
        engine.expect("0")
    engine.order("a")
    engine.expect("8", t11="a")
    assert not [message for message in engine.messages if message[35] == "5"]


def test_an_engine_with_the_wrong_password_stays_out(acceptor, engines):
    engine = engines(password="wrong")
    engine.do("start")
    engine.until_event("logout")
    assert acceptor.logged_on() == []
