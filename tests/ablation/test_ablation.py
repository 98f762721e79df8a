"""Every numbered guarantee of every template has a forgery that its constraint alone stops."""

import json

import pytest

from offchain.paths import BUILD
from tests.ablation import clearings, curves, notes, numbers, settlements, slots, spends
from tests.ablation.harness import check, check_honest
from tests.ablation.sources import templates

SUBJECTS = [*numbers.SUBJECTS, *notes.SUBJECTS, *curves.SUBJECTS, *clearings.SUBJECTS, *slots.SUBJECTS, *spends.SUBJECTS, *settlements.SUBJECTS]
FORGERIES = [
    pytest.param(subject, forgery, id=f"{subject.template}-{forgery.guarantee}: {forgery.claim}")
    for subject in SUBJECTS
    for forgery in subject.forgeries
]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.template)
def test_the_honest_witness_has_every_guarantee(subject):
    assert subject.holds.keys() == templates()[subject.template].ensures.keys()
    check_honest(subject)


@pytest.mark.parametrize("subject, forgery", FORGERIES)
def test_a_forgery_passes_only_without_its_constraint(subject, forgery):
    check(subject, forgery)
