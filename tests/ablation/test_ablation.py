"""Every numbered guarantee of every template has a forgery that its constraint alone stops."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from offchain.paths import BUILD
from offchain.wasm import replace_file
from tests.ablation import clearings, curves, notes, numbers, settlements, slots, spends
from tests.ablation.harness import check, check_honest, cut
from tests.ablation.sources import EntryError, circuit, templates

SUBJECTS = [
    subject
    for part in (numbers, notes, curves, clearings, slots, spends, settlements)
    for subject in part.SUBJECTS
]
FORGERIES = [(subject, forgery) for subject in SUBJECTS for forgery in subject.forgeries]
SUMMARY = BUILD / "ablation" / "summary.json"
AT_ONCE = 2
"""Circuits compiled side by side."""


def named(pairs):
    return [pytest.param(s, f, id=f"{s.template} {f.guarantee}: {f.claim}") for s, f in pairs]


@pytest.fixture(scope="module")
def caught():
    """Collects the forgeries that were caught; once all were tried, their number is written."""
    found = []
    yield found
    if len(found) == len(FORGERIES):
        ensures = sum(len(template.ensures) for template in templates().values())
        covered = len({(subject.template, forgery.guarantee) for subject, forgery in found})
        count = len(found)
        figures = {
            "ablations": {"total": len(FORGERIES), "forged": count, "guarded": count},
            "ensures": {"total": ensures, "covered": covered},
        }
        replace_file(SUMMARY, (json.dumps(figures, indent=2) + "\n").encode())


@pytest.fixture(scope="module", autouse=True)
def compiled(request):
    """What this run's tests need, compiled side by side."""
    chosen = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    chosen = [params for params in chosen if "forgery" in params and "subject" in params]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda params: params["subject"].weakened(params["forgery"]), chosen))


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.template)
def test_the_honest_witness_has_every_guarantee(subject):
    assert subject.holds.keys() == templates()[subject.template].ensures.keys()
    check_honest(subject)


@pytest.mark.parametrize("subject, forgery", named(FORGERIES))
def test_a_forgery_passes_only_without_its_constraint(subject, forgery, caught):
    check(subject, forgery)
    caught.append((subject, forgery))


def test_no_guarantee_is_without_a_forgery():
    stated = {(name, number) for name, template in templates().items() for number in template.ensures}
    broken = {(subject.template, forgery.guarantee) for subject, forgery in FORGERIES}
    assert broken == stated, f"without a forgery: {sorted(stated - broken)}"
    print(f"{len(stated)} guarantees of {len(templates())} templates, {len(FORGERIES)} forgeries")


def test_a_line_that_has_changed_is_noticed():
    subject = numbers.SUBJECTS[0]
    with pytest.raises(EntryError):
        circuit(subject.template, subject.size, (subject.edit(("x2[box] <== s[i] * s[0];", "")),))


def test_an_edit_that_is_no_weakening_is_noticed():
    """One that asks for something else than the circuit does."""
    subject = next(subject for subject in SUBJECTS if subject.template == "AtMost")
    other = cut("E1", "another order", ("Range(bits)(high - low);", "Range(bits)(low - high);"), low=5, high=4)
    with pytest.raises(AssertionError, match="more than a constraint"):
        check(subject, other)


def test_a_forgery_that_claims_nothing_is_noticed():
    subject = next(subject for subject in SUBJECTS if subject.template == "AtMost")
    with pytest.raises(AssertionError, match="breaks nothing"):
        check(subject, cut("E1", "3 is at most 5", ("Range(bits)(high - low);", ""), low=3, high=5))
