"""The 17 comparisons: a table of what matches, and of what never does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.flow.state import OPERATORS as NAMES
from bridgetap.widgets.operators import OPERATORS, regex_problem

# operator, tested, value, without regard to case, with regard to case
CASES = [
    ("equal_to", " Yes ", "yes", True, False),
    ("equal_to", "1", "1.0", False, False),
    ("equal_to", "STRASSE", "straße", True, False),
    ("equal_to", "", "", True, True),
    ("not_equal_to", "Yes", "yes", False, True),
    ("matches_any_of", "Y", "Yes, y", True, False),
    ("matches_any_of", "1-", "1, 1-, 1., one, um", True, True),
    ("matches_any_of", "*", "*, #", True, True),
    ("matches_any_of", "anything", "*", False, False),
    ("matches_any_of", "", "a,,b", False, False),
    ("matches_any_of", "Yes, y", "Yes, y", False, False),
    ("does_not_match_any_of", "no", "yes, y", True, True),
    ("does_not_match_any_of", "Y", "yes, y", False, True),
    ("is_blank", "  \n", "Is Blank", True, True),
    ("is_blank", "0", "Is Blank", False, False),
    ("is_not_blank", "x", "Is Not Blank", True, True),
    ("is_not_blank", "", "Is Not Blank", False, False),
    ("regex", "Sim, quero", ".*(s(i|í)|y).*", True, False),
    ("regex", "yes please", "yes", False, False),
    ("regex", " 12345 ", r"\d{5}", True, True),
    ("regex", "a\nb", "a.b", False, False),
    ("regex", "It was Blocked by Policy 7", "^(?=.*blocked)(?=.*policy).*", True, False),
    ("regex", "it was blocked", "^(?=.*blocked)(?=.*policy).*", False, False),
    ("regex", "fine", "^(?!.*(bad|[)]worse)).*$", True, True),
    ("regex", "a bad one", "^(?!.*(bad|[)]worse)).*$", False, False),
    ("regex", "aa", r"(a)\1", False, False),
    ("regex", "x", "[", False, False),
    ("contains", "10", "1", True, True),
    ("contains", "Open until 5", "open", True, False),
    ("contains", "anything", "", False, False),
    ("does_not_contain", "closed", "open", True, True),
    ("does_not_contain", "Open", "open", False, True),
    ("starts_with", "+15551230001", "+1", True, True),
    ("starts_with", "Yes.", "yes", True, False),
    ("starts_with", "x", "", False, False),
    ("does_not_start_with", "+44", "+1", True, True),
    ("less_than", "9", "10", True, True),
    ("less_than", "-1.5", "-1.4", True, True),
    ("less_than", "10", "10", False, False),
    ("less_than", "nine", "10", False, False),
    ("less_than", "", "10", False, False),
    ("less_than", "1_0", "11", False, False),
    ("less_than", "nan", "11", False, False),
    ("greater_than", "10", "9", True, True),
    ("greater_than", "1e3", "9", False, False),
    ("greater_than", "٣", "2", False, False),
    ("is_before_time", "08:59", "9:00", True, True),
    ("is_before_time", "23:59:30", "23:59:31", True, True),
    ("is_before_time", "24:00", "25:00", False, False),
    ("is_after_time", "17:01", "17:00", True, True),
    ("is_after_time", "5 pm", "17:00", False, False),
    ("is_before_date", "2026-01-31", "2026-02-01", True, True),
    ("is_before_date", "2026-01-31T23:00:00Z", "2026-02-01", True, True),
    ("is_before_date", "2026-02-30", "2026-03-01", False, False),
    ("is_after_date", "2026-02-01", "2026-02-01", False, False),
    ("is_after_date", "02/02/2026", "2026-02-01", False, False),
]


@pytest.mark.parametrize(("operator", "tested", "value", "folded", "exact"), CASES)
def test_comparisons(operator: str, tested: str, value: str, folded: bool, exact: bool) -> None:
    assert OPERATORS[operator](tested, value, False) is folded
    assert OPERATORS[operator](tested, value, True) is exact


def test_every_operator_of_a_definition_is_here_and_in_the_table() -> None:
    assert set(OPERATORS) == set(NAMES)
    assert {case[0] for case in CASES} == set(NAMES)


@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        ("[", "class"),
        (r"(a)\1", "backreferences"),
        ("a(?=b)", "look-around"),
        ("(?=a", "unclosed"),
        ("(?<=a)b", "look-around"),
        ("a" * 5000, "longer"),
        ("a{1000}{1000}", "size"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(pattern: str, word: str) -> None:
    assert word in regex_problem(pattern)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(.*a){20}", "^(?=(a+)+$).*"])
def test_no_input_makes_a_pattern_run_for_ever(pattern: str) -> None:
    """With a backtracking engine none of these ends before the sun does."""
    assert OPERATORS["regex"]("a" * 200 + "!", pattern, False) is False


@given(st.sampled_from(NAMES), st.text(max_size=40), st.text(max_size=40), st.booleans())
def test_no_text_makes_a_comparison_raise(operator: str, tested: str, value: str, case_sensitive: bool) -> None:
    assert OPERATORS[operator](tested, value, case_sensitive) in (True, False)


NEGATIONS = [("equal_to", "not_equal_to"), ("contains", "does_not_contain"), ("starts_with", "does_not_start_with")]


@given(st.sampled_from(NEGATIONS), st.text(max_size=9), st.text(max_size=3), st.booleans())
def test_a_negation_is_the_opposite(names: tuple[str, str], tested: str, value: str, case_sensitive: bool) -> None:
    positive, negative = (OPERATORS[name](tested, value, case_sensitive) for name in names)
    assert positive is not negative
