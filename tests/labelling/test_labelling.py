"""Labels in the terminal: the draw, the keys, the file, and `seqit label` on a terminal and on a pipe."""

import os
import pty
import termios
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from stages.core.errors import UserError
from stages.evaluation.calibration.human_labels import HumanLabel
from stages.labelling.drawing import LabelItem, drawn_items
from stages.labelling.keypresses import key_reader
from stages.labelling.label_file import append_label, mend_end, read_labels
from stages.labelling.labelling_session import KEYS, Label, item_text, label_items
from tests.calibration.test_human_labels import QUESTIONS, judged, label

ITEMS = [
    LabelItem("secret-run", f"q{n}/0", f"Question {n}.", ("Say one.", "Say two."), f"Answer {n}.", False, "0" * 32)
    for n in range(4)
]


def typed(keys: str) -> Callable[[], str]:
    left = iter(keys)
    return lambda: next(left, "")


def labelled(keys: str, items: list[LabelItem] = ITEMS) -> tuple[list[Label], str]:
    """The labels that these keys give, and everything that is shown."""
    labels: list[Label] = []
    shown: list[str] = []
    label_items(items, typed(keys), shown.append, labels.append)
    return labels, "\n".join(shown)


# ---------------------------------------------------------------- the draw
def test_every_beginning_of_the_draw_is_a_fair_sample_of_runs_and_verdicts() -> None:
    runs = {"it": judged("it", [True] * 30 + [False] * 10), "sit": judged("sit", [True] * 10 + [False] * 30)}
    items = drawn_items(QUESTIONS, runs, {}, 7)
    assert len(items) == len({(one.run, one.answer) for one in items}) == 80
    for size in (16, 40, 64):
        counts = Counter((one.run, runs[one.run].scores[one.answer].values["following"]) for one in items[:size])
        for stratum, number in {("it", 1): 30, ("it", 0): 10, ("sit", 1): 10, ("sit", 0): 30}.items():
            assert abs(counts[stratum] - size * number / 80) <= 1.01, (size, stratum)


def test_the_draw_belongs_to_the_seed_and_gives_no_run_away_by_its_place() -> None:
    runs = {"it": judged("it", [True] * 40), "sit": judged("sit", [True] * 40)}
    orders = [[(one.run, one.answer) for one in drawn_items(QUESTIONS, runs, {}, seed)] for seed in (7, 7, 8)]
    assert orders[0] == orders[1] != orders[2]
    assert len({tuple(run for run, _ in orders[0][n : n + 2]) for n in range(0, 80, 2)}) > 1


def test_an_answer_without_a_verdict_is_not_drawn_and_listed_tasks_come_first() -> None:
    run = judged("it", [True, True])
    run.scores["q1/0"] = msgspec.structs.replace(run.scores["q1/0"], values={})  # type: ignore[index]
    (item,) = drawn_items(QUESTIONS, {"it": run}, {"q0": ("Only this.",)}, 7)
    assert (item.answer, item.tasks) == ("q0/0", ("Only this.",))
    (item,) = drawn_items(QUESTIONS, {"it": run}, {}, 7)
    assert item.tasks == ("Name 0.", "Then stop.")


# ---------------------------------------------------------------- the keys
@pytest.mark.parametrize(("key", "meaning"), KEYS.items())
def test_one_key_is_one_label(key: str, meaning: tuple[bool, int | None]) -> None:
    (given,), _ = labelled(key, ITEMS[:1])
    assert given == Label(ITEMS[0], *meaning)


def test_there_are_marks_for_both_verdicts() -> None:
    assert Counter(KEYS.values()) == Counter(
        {(following, mark): 1 for following in (True, False) for mark in (1, 2, 3, 4, 5, None)}
    )


def test_a_person_skips_goes_back_and_stops() -> None:
    given, _ = labelled("4su1x5")
    assert [(one.item.answer, one.following, one.quality) for one in given] == [("q0/0", True, 4), ("q1/0", True, 1)]
    given, _ = labelled("45uq2")
    assert [(one.item.answer, one.following) for one in given] == [
        ("q0/0", True), ("q1/0", True), ("q1/0", False), ("q2/0", True),
    ]  # fmt: skip


def test_other_keys_label_nothing_and_say_what_keys_there_are() -> None:
    given, shown = labelled("7\x1b4", ITEMS[:1])
    assert len(given) == 1 and shown.count("is no key") == 2 and "\x1b" not in shown


def test_a_label_is_kept_before_the_next_answer_is_shown() -> None:
    events: list[str] = []
    label_items(ITEMS[:2], typed("45"), events.append, lambda one: events.append(one.item.answer))
    assert events.index("q0/0") < next(place for place, text in enumerate(events) if "Question 1." in text)


def test_what_is_shown_names_neither_the_run_nor_a_verdict_and_controls_no_terminal() -> None:
    _, shown = labelled("4")
    assert "secret-run" not in shown and "q0/0" not in shown
    assert "Question 0." in shown and "2. Say two." in shown and "Answer 0." in shown
    hostile = ITEMS[0]._replace(text="\x1b[2J\x07\u202e", question="a\x9b31m", tasks=("\x1b]0;x\x07",), is_cut=True)
    text = item_text(hostile, 1, 1)
    assert all(char.isprintable() or char == "\n" for char in text) and "cut off" in text


def test_a_terminal_gives_keys_without_enter_and_is_as_before_afterwards() -> None:
    upper, lower = pty.openpty()
    before = termios.tcgetattr(lower)
    with os.fdopen(lower, "r") as stream:
        with key_reader(stream) as read_key:
            os.write(upper, b"4q")
            assert (read_key(), read_key()) == ("4", "q")
            os.write(upper, b"\x1bOq")
            assert read_key() == "\x1bOq"
            os.write(upper, b"\x04")
            assert read_key() == ""
        assert termios.tcgetattr(lower) == before
    os.close(upper)


# ---------------------------------------------------------------- the file
def test_labels_are_appended_and_read(tmp_path: Path) -> None:
    path = tmp_path / "labels/mine.jsonl"
    assert read_labels(path) == []
    rows = [label(n, n % 2 == 0, quality=3) for n in range(3)]
    for row in rows:
        append_label(path, row)
    assert read_labels(path) == rows and not mend_end(path)


def test_an_incomplete_last_line_is_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    append_label(path, label(0, True))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    with pytest.raises(UserError, match=r"mine\.jsonl:2: "):
        read_labels(path)
    assert mend_end(path) and path.read_bytes() == whole
    path.write_bytes(whole.rstrip(b"\n"))
    assert not mend_end(path) and path.read_bytes() == whole


@pytest.mark.parametrize("row", ['{"quality": 6}', "[]", "{", '{"run": "it"}'])
def test_a_row_that_is_no_label_is_refused_by_its_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "mine.jsonl"
    append_label(path, label(0, True))
    path.write_bytes(path.read_bytes() + row.encode() + b"\n")
    with pytest.raises(UserError, match=r"mine\.jsonl:2: "):
        read_labels(path)


def test_a_mark_beyond_the_scale_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(msgspec.json.encode(label(0, True)).replace(b'"quality":null', b'"quality":6') + b"\n")
    with pytest.raises(UserError, match="5"):
        read_labels(path)


def test_a_file_that_can_not_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").mkdir()
    with pytest.raises(UserError, match="a folder lies where the file goes"):
        append_label(tmp_path / "mine.jsonl", label(0, True))


def test_rows_of_the_file_are_what_the_type_says() -> None:
    assert set(HumanLabel.__struct_fields__) == {
        "benchmark", "run", "answer", "labeller", "prompt", "texts", "following", "quality",
    }  # fmt: skip
