"""Cutting a stream into messages, whatever the stream holds; times; the form of what we write."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.fix.wire import Framer, TooLong, read, stamp, unstamp, write
from tests.fix.peer import decode, encode

GOOD = [encode([(35, "0"), (49, "A"), (56, "B"), (34, n), (52, "x" * n)]) for n in range(1, 6)]
BEGUN = [GOOD[0][:end] for end in range(1, 15)]
NOISE = st.one_of(st.sampled_from(BEGUN), st.binary(max_size=30).filter(lambda noise: b"8=FIX" not in noise))
PIECES = st.lists(st.one_of(st.sampled_from(GOOD), NOISE), max_size=12)


@given(PIECES, st.lists(st.integers(0, 600), max_size=8))
@settings(max_examples=150)
def test_messages_are_found_among_noise_however_they_arrive(pieces, cuts):
    stream = b"".join(pieces)
    ends = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    framer = Framer(1_000)
    found = [frame for start, end in zip(ends, ends[1:], strict=False) for frame in framer.feed(stream[start:end])]
    assert found == [piece for piece in pieces if piece in GOOD]


@given(st.sampled_from(GOOD), st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_never_taken(good, at, by):
    at %= len(good)
    spoilt = good[:at] + bytes([good[at] ^ by]) + good[at + 1 :]
    framer = Framer(1_000)
    assert framer.feed(spoilt) == []
    assert framer.feed(b"\x01" * 1_100) == []


@given(st.binary(max_size=400))
def test_no_bytes_upset_the_reader(data):
    framer = Framer(1_000)
    for frame in framer.feed(encode([(35, "0")])[:-7] + data) + framer.feed(b"".join(GOOD)):
        read(frame)


@pytest.mark.parametrize("value", ["95=5\x0196=a\x01b=c", "95=9999\x0196=a", "95=x\x0196=a", "10=000\x0158=a", "58"])
def test_odd_fields_are_a_fault_or_data_but_no_crash(value):
    message = read(encode([(35, "0"), (34, 1), *([] if "=" not in value else [tuple(value.split("=", 1))])]))
    assert message.type == "0" and message.get(34) == "1"


def test_a_message_of_the_longest_length_is_taken_and_no_longer_one():
    body = len("35=0\x0158=\x01")
    assert Framer(body + 10).feed(encode([(35, "0"), (58, "x" * 10)]))
    with pytest.raises(TooLong, match="20 bytes"):
        Framer(body + 10).feed(encode([(35, "0"), (58, "x" * 11)]))


def test_what_we_write_cannot_be_broken_by_a_value():
    message = decode(write("8", [(49, "A")], [(58, "one\x0110=000\x01 two \u2265 \xfc\n")]))
    assert message[58] == "one 10=000  two ? \xfc "


def test_times():
    assert stamp(1_750_000_000_123) == "20250615-15:06:40.123"
    assert unstamp("20250615-15:06:40.123") == 1_750_000_000_123
    assert unstamp("20250615-15:06:40") == 1_750_000_000_000
    assert unstamp("20250615-15:06:40.123456789") == 1_750_000_000_123
    assert unstamp("20161231-23:59:60") == unstamp("20161231-23:59:59")
    for wrong in ("", "20250615", "2025-06-15T15:06:40", "20250615-15:06:61", "20250615-24:00:00", "20250615-15:06:4Z"):
        with pytest.raises(ValueError):
            unstamp(wrong)
