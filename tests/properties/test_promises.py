"""Promises P1 to P12 over random actors, markets, epochs, replays, pauses, governance and time.

One walk checks all of them at every step (promises.py, machine.py); a failure names the seed, the
step and the calls that led there. Each test also asks that its promise had its occasions.
"""


def holds(walked, promise: str, rate: float):
    """The promise was never broken, and was looked at `rate` times a thousand steps or more."""
    assert walked.of(promise) == []
    looked = walked.checked.get(promise, 0)
    assert walked.broken or looked >= walked.steps * rate / 1000, f"only {looked} occasions in {walked.steps} steps"


def test_contracts_accept_refuse_and_store_what_the_model_says(walked, steps):
    assert walked.of("agreement") == []
    assert walked.steps == steps
    assert walked.accepted > 0.2 * steps and walked.refused > 0.2 * steps


def test_p1_calls_and_logs_hold_no_secret_word_and_have_one_length(walked):
    holds(walked, "P1", 200)


def test_p2_events_have_one_length_whatever_they_are_about(walked):
    holds(walked, "P2", 200)


def test_p3_every_order_is_funded_and_known(walked):
    holds(walked, "P3", 20)


def test_p4_a_settlement_proves_exactly_the_reveals_in_order(walked):
    holds(walked, "P4", 10)


def test_p5_the_price_settled_is_the_best_at_the_source_s_reference(walked):
    holds(walked, "P5", 10)


def test_p6_notes_and_locks_are_what_the_pool_holds(walked):
    holds(walked, "P6", 300)


def test_p7_a_settlement_is_for_the_auditor_of_the_first_commit(walked):
    holds(walked, "P7", 5)


def test_p8_every_owner_leaves_when_all_others_are_gone(walked):
    holds(walked, "P8", 20)


def test_p9_only_the_silent_and_the_false_forfeit_and_only_owners_reveal(walked):
    holds(walked, "P9", 30)


def test_p10_a_sleeping_leader_pays_and_every_order_comes_back_whole(walked):
    holds(walked, "P10", 4)


def test_p11_nothing_counts_twice(walked):
    holds(walked, "P11", 200)


def test_p12_a_print_waits_and_says_what_was_proven(walked):
    holds(walked, "P12", 4)
