import pytest

from offchain import field
from offchain.field import R, RangeError


@pytest.mark.parametrize("word", [0, 1, R - 1])
def test_check_takes_every_word_of_the_field(word):
    assert field.check(word) == word


@pytest.mark.parametrize("word", [-1, R, R + 1, 2**256, 1.0, "1", None, True, b"\1"])
def test_check_refuses_what_is_no_word(word):
    with pytest.raises(RangeError):
        field.check(word)


def test_errors_name_the_word_and_keep_its_value():
    with pytest.raises(RangeError, match="salt") as error:
        field.check(R + 12345, "salt")
    assert str(R + 12345) not in str(error.value)


def test_to_field_reduces_hashes_and_ints():
    assert field.to_field((R + 5).to_bytes(32, "big")) == 5
    assert field.to_field(R + 5) == 5
    for bad in (b"\1", -1, 1 << 256):
        with pytest.raises(RangeError):
            field.to_field(bad)


def test_keccak_is_ethereums():
    empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert field.keccak256(b"").hex() == empty


def test_inverse():
    for word in (1, 2, R - 1, 2**200 + 77):
        assert word * field.inverse(word) % R == 1
    with pytest.raises(ZeroDivisionError):
        field.inverse(0)


def test_bits():
    assert field.bits(0b1101, 5) == [1, 0, 1, 1, 0]
    with pytest.raises(RangeError):
        field.bits(32, 5)
