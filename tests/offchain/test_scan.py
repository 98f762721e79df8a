"""The scanner finds exactly the memos that open, whatever else is among them."""

import secrets

import pytest

from offchain import babyjubjub, scan
from offchain.field import R
from offchain.keys import EncryptionKey
from offchain.scan import ScanError, candidates, head
from offchain.streams import DecryptionError, open_memo, seal_memo


def memo(key: EncryptionKey, first: int) -> tuple[int, ...]:
    plain = [first, secrets.randbelow(1 << 128), secrets.randbelow(R), 0, 0]
    return tuple(seal_memo(plain, key.public, secrets.randbelow(babyjubjub.L - 1) + 1))


def opens(words: tuple[int, ...], key: EncryptionKey) -> bool:
    try:
        return open_memo(list(words), key)[0] < 1 << 160
    except DecryptionError:
        return False


def test_finds_its_own_among_others():
    mine, other = EncryptionKey.generate(), EncryptionKey.generate()
    memos = [memo(key, first) for key in (mine, other) for first in (0, 1, (1 << 160) - 1, 1 << 160, R - 1)]
    memos += [memo(mine if secrets.randbits(1) else other, secrets.randbits(160)) for _ in range(600)]
    assert candidates(map(head, memos), mine) == [opens(words, mine) for words in memos]


@pytest.mark.parametrize("scalar", [1, 2, 15, 16, 17, 31, babyjubjub.L - 1])
def test_any_scalar(scalar):
    key = EncryptionKey(scalar)
    memos = [memo(key, 7), memo(EncryptionKey.generate(), 7)]
    assert candidates(map(head, memos), key) == [True, False]


def test_points_that_are_none_and_of_small_order():
    key = EncryptionKey.generate()
    good = memo(key, 5)
    bad = [(good[0], (good[1] + 1) % R), (R, 1), ((1 << 256) - 1, 0), (good[0] + R, good[1]), (0, 0)]
    bad += [babyjubjub.torsion(order) for order in (1, 2, 4, 8)]
    memos = [(*point, *good[2:]) for point in bad] + [(*good[:2], R, *good[3:]), (*good[:2], good[2] + R, *good[3:])]
    twisted = babyjubjub.add(babyjubjub.Point(*good[:2]), babyjubjub.torsion(8))
    memos.append((*twisted, *good[2:]))
    assert candidates(map(head, memos), key) == [opens(words, key) for words in memos] == [False] * (len(memos) - 1) + [True]


def test_none_and_nonsense(tmp_path, monkeypatch):
    key = EncryptionKey.generate()
    assert candidates([], key) == []
    with pytest.raises(ScanError, match="96 bytes"):
        candidates([b"short"], key)
    monkeypatch.setattr(scan, "BINARY", tmp_path / "none")
    with pytest.raises(ScanError, match="make setup"):
        candidates([], key)
