"""What a new instruction must satisfy."""

import pytest

from stages.seqinstruct.filters import REASONS, Limits, check, copies, echoes, words

TABLE = "Which is cheaper?\n| Shop | Price |\n|---|---|\n| Miller | 3 |\n| Baker | 2 |"
CODE = "What does it print?\n```python\nfor i in range(3):\n    print(i)\n```"
BARE_CODE = "Find the mistake.\ndef f(x):\n    return x +\nprint(f(2))"
OPTIONS = "Which floats?\nA) a stone\nB) a cork\nC) a nail"
INLINE = "Does it follow? Select from: i. yes ii. it is not possible to tell iii. no"
BULLETS = "Does it follow?\nOptions:\n- yes\n- no\n- it is not possible to tell"
LIMITS = Limits(max_words=200, max_growth=4.0)


@pytest.mark.parametrize(
    ("new", "old", "reason"),
    [
        ("Name a sea. Then name two lakes.", "Name a sea.", ""),
        ("Describe the parts of an atom, then explain how they move.", "Describe an atom.", ""),
        ("", "Name a sea.", "empty"),
        ("...", "Name a sea.", "empty"),
        ("name a SEA", "Name a sea.", "same"),
        ("Name then a sea.", "Name a sea.", "no-task"),
        ("Name a sea. Say why it is salty. Say why it is salty.", "Name a sea.", "repeats"),
        (" ".join(f"word{n}" for n in range(61)), "Name a sea.", "too-long"),
        ("Name the sea, the sea the sea, the sea.", "Name a sea.", "repeats"),
        ("Spell it: no no no. Then name a lake.", "Spell it: no no no.", ""),
        ("Name a sea. " + "Add one more lake to it, number " + " ".join(map(str, range(45))), "Name a sea.", ""),
        ("Compare the shops, then say which is cheaper.", TABLE, "lost-table"),
        (TABLE + "\nThen explain the difference.", TABLE, ""),
        ("List the prices. Then: which is cheaper?\nShop, Price: Miller 3, Baker 2", TABLE, ""),
        ("Explain loops, then say what it prints.", CODE, "lost-code"),
        (CODE + "\nThen explain every line.", CODE, ""),
        ("Explain functions, then find the mistake.", BARE_CODE, "lost-code"),
        ("Say what floating means, then choose what floats.", OPTIONS, "lost-options"),
        ("Say what floating means. " + OPTIONS, OPTIONS, ""),
        ("Choose one: a stone, a cork or a nail. Then give the reason.", OPTIONS, ""),
        ("Does it follow? Then explain your answer in one line.", INLINE, "lost-options"),
        ("Does it follow: yes, no, or it is not possible to tell? Then explain.", INLINE, ""),
        ("Does it follow? Then explain your answer in one line.", BULLETS, "lost-options"),
        ("Name a sea. This added task encourages deep thought.", "Name a sea.", "leaks-explanation"),
        ("Name a sea and keep the original instruction in mind.", "Name a sea.", "leaks-explanation"),
        ("Add a prefix task, then name a sea.", "Name a sea.", "leaks-explanation"),
        ("Rewrite the original instruction. Then shorten it.", "Rewrite the original instruction.", ""),
        ("命名一个海，然后命名一个湖。", "命名一个海。", ""),
    ],
)
def test_gates(new: str, old: str, reason: str) -> None:
    assert check(new, old, LIMITS) == reason
    assert not reason or reason in REASONS


def test_words_in_scripts_without_spaces() -> None:
    assert words("Name 海洋, don’t!") == ("name", "海", "洋", "don't")


def test_copies() -> None:
    prompt = "--- example\nSay where this bird builds its nest."
    assert copies("Say where this bird builds its nest.", "Name a bird.", prompt)
    assert not copies("Say where this bird builds its nest.", "Say where this bird builds its nest.", prompt)
    assert not copies("Say where it lives.", "Name a bird.", prompt)


def test_echoes() -> None:
    assert echoes("Name a large sea.", "Name a sea. Then draw it.")
    assert not echoes("List three rivers that end in this sea.", "Name a sea. Then draw it.")
