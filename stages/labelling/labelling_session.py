"""A labelling session: shows answers one by one and turns each keypress into a label."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from stages.evaluation.calibration.human_labels import HumanLabel
from stages.labelling.drawing import LabelItem
from stages.reporting.row_view import printable

RULE = "─"
WIDTH = 100
"""Characters of the line before an answer."""
MARKS = range(1, 6)
MISSED_KEYS = "qwert"
"""The keys below 1 to 5 on most keyboards."""
KEYS: dict[str, tuple[bool, int | None]] = {
    **{str(mark): (True, mark) for mark in MARKS},
    **{key: (False, mark) for key, mark in zip(MISSED_KEYS, MARKS, strict=True)},
    "y": (True, None), "n": (False, None),
}  # fmt: skip
"""Key -> (following, quality)."""
SKIP, BACK, STOP = "s", "u", "x"
HELP = """keys  1 2 3 4 5   every task is carried out; quality from 1 (bad) to 5 (excellent)
      q w e r t   a task is left out or wrong; quality from 1 to 5
      y n         the same without a quality
      s skip      u back to the answer before      x stop (what is labelled is kept)"""


class Label(NamedTuple):
    """What a person says of one answer."""

    item: LabelItem
    following: bool
    quality: int | None


class Labeller(NamedTuple):
    """A person who labels answers to a benchmark that a judge with this prompt scores."""

    name: str
    benchmark: str
    prompt: str
    """The hash of the judge's prompt."""

    def unlabelled(self, items: Iterable[LabelItem], labels: Iterable[HumanLabel]) -> list[LabelItem]:
        """The items without a label of this person for this prompt and these texts, in order."""
        done = {(*label.key, label.texts) for label in labels if label.prompt == self.prompt}
        return [item for item in items if (item.run, item.answer, self.name, item.texts) not in done]

    def row(self, label: Label) -> HumanLabel:
        """A label as a row of the label file."""
        return HumanLabel(
            benchmark=self.benchmark, run=label.item.run, answer=label.item.answer, labeller=self.name,
            prompt=self.prompt, texts=label.item.texts, following=label.following, quality=label.quality,
        )  # fmt: skip


def label_items(
    items: Sequence[LabelItem], read_key: Callable[[], str], show: Callable[[str], None],
    record: Callable[[Label], None],
) -> int:  # fmt: skip
    """Ask for a label of each item in order until the person stops; returns how many were labelled.

    read_key: gives one key, "" at the end of the input. record: keeps a label; it is called before the next item is
    shown. After going back, a new label of the same item is recorded too.
    """
    place, labelled = 0, set()
    show(HELP)
    while place < len(items):
        item = items[place]
        show(item_text(item, place + 1, len(items)))
        key = _next_key(read_key, show)
        if key == STOP:
            break
        if key in KEYS:
            record(Label(item, *KEYS[key]))
            labelled.add(place)
        place = max(0, place - 1) if key == BACK else place + 1
    return len(labelled)


def _next_key(read_key: Callable[[], str], show: Callable[[str], None]) -> str:
    """The next key that means something; STOP at the end of the input."""
    while (key := read_key().lower()) not in (*KEYS, SKIP, BACK, STOP, ""):
        show(f"{printable(key)!r:.20} is no key\n{HELP}")
    return key or STOP


def item_text(item: LabelItem, place: int, number: int) -> str:
    """An answer as lines of text, without its run and verdict; control characters are written out."""
    tasks = [f"    {count}. {' '.join(task.split())}" for count, task in enumerate(item.tasks, 1)]
    cut = " (cut off at the token limit)" if item.is_cut else ""
    lines = [
        f"{RULE * 3} {place} of {number} ".ljust(WIDTH, RULE), "question", *_indented(item.question),
        f"tasks ({len(tasks)})", *tasks, f"answer{cut}", *_indented(item.text or "(empty)"),
    ]  # fmt: skip
    return printable("\n".join(lines))


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.splitlines()]
