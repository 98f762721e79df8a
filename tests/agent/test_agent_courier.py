"""Carriers that are slow, hang or fail: none keeps another one, another call, or a reveal waiting."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from offchain import carrier
from offchain.agent.book import Book, Parcel
from offchain.agent.courier import HANDS, PATIENCE, URGENT, AccountRoute, Courier
from offchain.calls import Call
from offchain.carrier import CarrierClient, CarrierError
from offchain.chain import ChainError, Inclusion, Reverted
from tests.agent.sim import DEPLOYMENT, KEY

SECONDS = 120
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
            assert self.let_go.wait(2 * SECONDS), "nobody let it go"
        return f"0x{self.name}"

    def was_asked(self):
        return self.came.acquire(timeout=SECONDS)


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


def test_what_ended_while_it_waited_for_a_hand_is_given_to_nobody(tmp_path):
    busy = Carrier("busy", always)
    with courier(tmp_path, busy) as found:
        for number in range(HANDS):
            parcel(found, str(number))
        found.round(HEAD)
        assert all(busy.was_asked() for _ in range(HANDS))
        late = parcel(found, "late")
        found.start(late, HEAD)
        found.book.write(replace(late, state="lost"))
        busy.let_go.set()
        found.wait()
        assert len(busy.asked) == HANDS and late.key not in busy.asked


def test_a_call_is_opened_only_for_who_is_free(tmp_path, monkeypatch):
    slow = Carrier("slow", always)
    with courier(tmp_path, slow) as found:
        parcel(found, "one")
        opened, call = [], found.book.call
        monkeypatch.setattr(found.book, "call", lambda known: opened.append(known.key) or call(known))
        for head in range(HEAD, HEAD + 2 * PATIENCE):
            found.round(head)
        assert slow.was_asked() and opened == ["reveal:one"]


def test_a_call_that_does_not_open_says_so(tmp_path):
    good = Carrier("good")
    with courier(tmp_path, good) as found:
        made = Parcel("reveal:torn", "torn", "reveal", 1, 0, (), HEAD + 50)
        found.book.write(made)
        other = parcel(found, "one")
        found.round(HEAD)
        found.wait()
        assert "the database was altered" in found.book.parcels[made.key].reason and good.asked == [other.key]


def test_calls_and_parcels_are_read_while_another_writes(tmp_path):
    with courier(tmp_path) as found:
        known = parcel(found, "one")
        with found.book.session():
            assert found.book.parcel(known.key) == known and found.book.call(known).function == "reveal"


class Says(Carrier):
    """Raises `error` while it has one."""

    error: Exception | None = None

    def give(self, key, call):
        tx = super().give(key, call)
        if self.error is not None:
            raise self.error
        return tx


def test_refused_by_all_is_by_every_one_of_them(tmp_path):
    """One cannot be asked, and may have it: the other's no, however often, does not end it. Both must have said so."""
    down, other = Says("down"), Says("other")
    down.error, other.error = ChainError("does not answer"), Reverted("call", "no")
    with courier(tmp_path, down, other) as found:
        key = parcel(found, "one", "commit").key
        for head in range(HEAD, HEAD + 6):
            found.round(head)
            found.wait()
        assert len(other.asked) > 2 and found.book.parcels[key].refused == ("other",)
        down.error = other.error
        found.round(HEAD + 6)
        found.wait()
        assert found.book.parcel(key).state == "refused"


def test_an_error_on_a_hand_is_logged(tmp_path):
    good = Carrier("good")
    with courier(tmp_path, good) as found, capture_logs() as told:
        parcel(found, "one")
        found._keep = lambda known: 1 // 0 if known.had else None
        found.round(HEAD)
        found.wait()
        found.close()
    assert {"carrier": "good", "error": "ZeroDivisionError"}.items() <= told[-1].items()


def test_a_receipt_that_nobody_foresaw_stops_no_round(tmp_path):
    good = Carrier("good")
    with courier(tmp_path, good) as found:
        key = parcel(found, "one", tx="0xgood").key
        found.chain.mined["0xgood"] = None
        found.chain.inclusions = lambda hashes: 1 + found.chain.mined[hashes[0]]
        found.round(HEAD)
        found.wait()
        assert good.asked == [key]


# --- A carrier's service ---


@contextmanager
def dripping(head: bytes, drop: bytes):
    """A server that says `head`, and from then on a `drop` now and then, for as long as somebody listens."""
    server, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve():
        while not over.is_set():
            try:
                link, _ = server.accept()
            except OSError:
                return
            with link:
                try:
                    link.recv(65_536)
                    link.sendall(head)
                    while not over.wait(0.05):
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
        asking = ThreadPoolExecutor(1).submit(CarrierClient, url, DEPLOYMENT)
        with pytest.raises(CarrierError, match="does not answer"):
            asking.result(SECONDS)
