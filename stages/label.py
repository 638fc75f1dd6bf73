"""Labels of a person, in the terminal: one keypress an answer -> the label file of an entry of `calibrate`."""

import sys
from typing import Annotated

import typer

from stages import prompts
from stages.core import artifacts
from stages.core.cli import entry_argument, main, remark
from stages.core.errors import UserError
from stages.labelling import judged_answers, label_file
from stages.labelling.drawing import drawn_items
from stages.labelling.keypresses import key_reader
from stages.labelling.labelling_session import Label, Labeller, label_items
from stages.params import entry, load

BY = "Who labels: a name of your choice, kept with each label; another person takes another"


def label(
    name: Annotated[str, entry_argument("An entry of `calibrate` in params.yaml")],
    by: Annotated[str, typer.Option(help=BY)] = "me",
    number: Annotated[int | None, typer.Option(min=1, help="Show so many answers at most; left out, all")] = None,
) -> None:
    """Read answers and say with one key whether all tasks are carried out, and how good the answer is.

    Shows question, tasks and answer, never the run or the judge's verdict, in an order drawn by the seed. Each label is
    on the disk before the next answer appears; run the command again to go on. From a pipe it reads one key a line.
    """
    if not by.strip() or not by.isprintable():
        raise UserError("--by: write a name, such as --by anna")
    params = load()
    chosen, judge = entry(params.calibrate, name, "calibrate"), params.judge
    prompt = prompts.parse(artifacts.read_text(judge.prompt), judge.prompt).hash
    if label_file.mend_end(chosen.labels):
        remark(f"{chosen.labels}: the last line was incomplete and is removed; its answer is shown again")
    questions = judged_answers.read_questions(chosen.benchmark)
    runs = judged_answers.read_runs(chosen.benchmark, chosen.runs)
    listed = [one for one, tasks in params.judge_tasks.runs.items() if tasks.benchmark == chosen.benchmark]
    items = drawn_items(questions, runs, judged_answers.read_task_lists(listed), params.seed)
    if not items:
        raise UserError(f"{name}: the judge has no verdict on any answer to {chosen.benchmark}; run `evaluate` first")
    labeller = Labeller(by, chosen.benchmark, prompt)
    left = labeller.unlabelled(items, label_file.read_labels(chosen.labels))[:number]

    def record(given: Label) -> None:
        label_file.append_label(chosen.labels, labeller.row(given))

    with key_reader(sys.stdin) as read_key:
        labelled = label_items(left, read_key, lambda text: print(text, file=sys.stdout, flush=True), record)
    remark(f"{labelled:,} of {len(left):,} answers labelled -> {chosen.labels}")


if __name__ == "__main__":
    main(label)
