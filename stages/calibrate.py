"""The judge against labels of people -> data/labels/<name>.jsonl and data/metrics/calibrate/<name>.json."""

from collections import Counter
from typing import Annotated

from stages import prompts
from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses
from stages.core.errors import UserError
from stages.evaluation.calibration.human_labels import calibration, check_labels
from stages.labelling import judged_answers, label_file
from stages.params import entry, load


def calibrate(name: Annotated[str, entry_argument("An entry of `calibrate` in params.yaml")]) -> None:
    """Measure how far the judge agrees with people, and correct its rates by its errors on the labelled answers.

    Reads the labels that `seqit label` wrote, the answers and their scores; no model is asked. Writes every label with
    why it is not used to data/labels/NAME.jsonl, and to data/metrics/calibrate/NAME.json agreement (raw, and Cohen's
    kappa), sensitivity, specificity, and for each run the judged and the corrected rate with its 95% interval. Labels
    for another version of the judge's prompt, or of an answer, are counted and not used.
    """
    params = load()
    chosen, judge = entry(params.calibrate, name, "calibrate"), params.judge
    prompt = prompts.parse(artifacts.read_text(judge.prompt), judge.prompt).hash
    labels = label_file.read_labels(chosen.labels)
    if others := sorted({one.benchmark for one in labels} - {chosen.benchmark}):
        raise UserError(
            f"{chosen.labels}: holds labels of {others[0]!r:.100}, not of {chosen.benchmark}; name its file"
        )
    if not labels:
        raise UserError(f"{chosen.labels}: holds no label; `seqit label {name}` writes them")
    questions = judged_answers.read_questions(chosen.benchmark)
    runs = judged_answers.read_runs(chosen.benchmark, chosen.runs)
    checked = check_labels(labels, questions, runs, prompt)
    summary = calibration(checked, runs, prompt, params.seed, params.evaluate.resamples)
    artifacts.write(f"data/labels/{name}.jsonl", checked)
    artifacts.write_json(f"data/metrics/calibrate/{name}.json", summary)
    unused = Counter(one.reason for one in checked if one.reason)
    report_losses(
        len(checked), {"not used": unused}, kept="used", unit="labels", see=f"data/labels/{name}.jsonl", name=name
    )


if __name__ == "__main__":
    main(calibrate)
