"""Carriers that are slow, hang or fail: none keeps another one, another call, or a reveal waiting."""

import socket
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from offchain import carrier
from offchain.agent.book import Book, Parcel
from offchain.agent.courier import HANDS, PATIENCE, URGENT, AccountRoute, Courier
from offchain.calls import Call
from offchain.carrier import CarrierClient, CarrierError
from offchain.chain import ChainError, Inclusion
from tests.agent.sim import DEPLOYMENT, KEY

SECONDS = 20
HEAD = 100


class Node:
    """`mined` are the blocks of transactions."""

    confirmations = 2

    def __init__(self):
        self.mined: dict[str, int] = {}

    def inclusions(self, hashes):
        return {tx: Inclusion(self.mined[tx], "", 0, True) for tx in hashes if tx in self.mined}


class Carrier:
    """Waits, for `hangs(call)`, until it is let go; `asked` says what it was given."""

    def __init__(self, name, hangs=lambda call: False):
        self.name, self.hangs = name, hangs
        self.asked, self.came, self.let_go = [], threading.Semaphore(0), threading.Event()

    def give(self, key, call):
        self.asked.append(key)
        self.came.release()
        if self.hangs(call):
            assert self.let_go.wait(SECONDS)
        return f"0x{self.name}"

    def was_asked(self):
        return self.came.acquire(timeout=SECONDS / 4)


@contextmanager
def courier(folder, *carriers):
    book = Book.open(f"sqlite:///{folder}/agent.sqlite3", DEPLOYMENT)
    book.load(KEY)
    found = Courier(Node(), book, list(carriers), lambda parcel: False)
    try:
        yield found
    finally:
        for one in carriers:
            if isinstance(one, Carrier):
                one.let_go.set()
        found.close()
        book.close()


def parcel(courier, name, kind="reveal", expires=HEAD + 50, **known):
    made = Parcel(f"{kind}:{name}", name, kind, 1, 0, (), expires, **known)
    courier.book.write(made, calls={made.key: Call("Market", kind, ({"word": name},))})
    return made


def always(call):
    return True


def test_a_carrier_that_hangs_has_its_time_and_no_more(tmp_path):
    slow, good = Carrier("slow", always), Carrier("good")
    with courier(tmp_path, slow, good) as found:
        key = parcel(found, "one").key
        for head in range(HEAD, HEAD + PATIENCE):
            found.round(head)
        assert slow.was_asked() and slow.asked == [key] and not good.asked
        found.round(HEAD + PATIENCE)
        assert good.was_asked()
        slow.let_go.set()
        found.wait()
        kept = found.book.parcels[key]
        assert (kept.turn, kept.had, kept.given) == (1, True, HEAD + PATIENCE)
        assert not found._at_work, "what is done is forgotten"


def test_near_its_end_all_are_asked_at_once(tmp_path):
    carriers = [Carrier("slow", always), Carrier("slower", always), Carrier("good")]
    with courier(tmp_path, *carriers) as found:
        parcel(found, "one", expires=HEAD + URGENT)
        found.round(HEAD)
        assert all(one.was_asked() for one in carriers)


def test_a_reveal_waits_behind_no_other_call(tmp_path):
    busy = Carrier("busy", lambda call: call.function != "reveal")
    with courier(tmp_path, busy) as found:
        for number in range(2 * HANDS):
            parcel(found, str(number), "commit")
        found.round(HEAD)
        assert all(busy.was_asked() for _ in range(HANDS))
        found.start(parcel(found, "urgent"), HEAD)
        assert busy.was_asked() and busy.asked[-1] == "reveal:urgent"


def test_one_that_refuses_is_followed_by_the_next_at_once(tmp_path):
    class Down(Carrier):
        def give(self, key, call):
            super().give(key, call)
            raise ChainError("out of order")

    down, good = Down("down"), Carrier("good")
    with courier(tmp_path, down, good) as found:
        key = parcel(found, "one").key
        found.round(HEAD)
        found.wait()
        assert down.asked == good.asked == [key] and found.book.parcels[key].tx == "0xgood"


def test_what_fell_out_of_the_chain_is_on_its_way_no_more(tmp_path):
    good = Carrier("good")
    with courier(tmp_path, good) as found:
        key = parcel(found, "one", tx="0xgood", had=True, given=HEAD).key
        found.chain.mined["0xgood"] = HEAD + 1
        found.round(HEAD + 1)
        found.wait()
        assert found.book.parcels[key].block == HEAD + 1 and not good.asked
        found.chain.mined.clear()
        found.round(HEAD + 2)
        found.wait()
        assert found.book.parcels[key].block is None and good.asked == [key]


def test_one_outbox_that_cannot_be_followed_stops_no_other(tmp_path):
    pumped = []

    def fails(head):
        raise RuntimeError("its row does not open")

    outboxes = [SimpleNamespace(account=SimpleNamespace(address=name), pump=pump)
                for name, pump in (("one", fails), ("two", pumped.append))]  # fmt: skip
    good = Carrier("good")
    with courier(tmp_path, *map(AccountRoute, outboxes), good) as found:
        parcel(found, "mine", only="good")
        found.round(HEAD)
        assert pumped == [HEAD] and good.was_asked()


# --- A carrier's service ---


@contextmanager
def dripping(head: bytes, drop: bytes, seconds: float = 8.0):
    """A server that says `head`, and from then on a `drop` now and then."""
    server, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve():
        while not over.is_set():
            try:
                link, _ = server.accept()
            except OSError:
                return
            with link:
                end = time.monotonic() + seconds
                try:
                    link.recv(65_536)
                    link.sendall(head)
                    while time.monotonic() < end and not over.wait(0.05):
                        link.sendall(drop)
                except OSError:
                    pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


@pytest.mark.parametrize(
    "head, drop",
    [(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"z"), (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b" ")],
    ids=["headers", "body"],
)
def test_an_answer_that_drips_is_given_up(monkeypatch, head, drop):
    monkeypatch.setattr(carrier, "REQUEST_SECONDS", 0.5)
    with dripping(head, drop) as url:
        began = time.monotonic()
        with pytest.raises(CarrierError, match="does not answer"):
            CarrierClient(url, DEPLOYMENT)
        assert time.monotonic() - began < 5
