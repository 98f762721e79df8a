"""What attackers try: honest calls bent in one place, and true statements about the wrong thing.

Each attack returns a call that the chain may or may not take; the model says which. Here they
stand with their weights.
"""

from tests.properties.bent_calls import cut, other_sender, second_spelling, swap_proof, tamper
from tests.properties.hostile_notes import double_spend, forged_root, odd_advance, odd_transact, other_tree
from tests.properties.hostile_offices import intrude, odd_office
from tests.properties.hostile_orders import odd_commit, odd_reclaim, odd_reveal, odd_settle
from tests.properties.hostile_times import eager, early

ATTACKS = {
    tamper: 8, cut: 1, swap_proof: 8, second_spelling: 4, other_sender: 6, eager: 30, early: 6, double_spend: 6,
    forged_root: 4, other_tree: 2, odd_transact: 6, odd_advance: 12, odd_commit: 22, odd_reveal: 16, odd_settle: 12,
    odd_reclaim: 8, intrude: 4, odd_office: 7,
}  # fmt: skip
