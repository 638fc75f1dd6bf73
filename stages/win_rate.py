"""AlpacaEval's win rates from annotations: the plain one, and the length-controlled one by alpaca_eval itself."""

from pathlib import Path
from typing import Annotated

from stages.core import artifacts
from stages.core.cli import entry_argument, main
from stages.evaluation.benchmarks.alpaca_eval_annotations import Annotation
from stages.evaluation.benchmarks.alpaca_eval_annotations import win_rate as plain_win_rate
from stages.evaluation.win_rate import length_controlled
from stages.params import entry, load


def win_rate(name: Annotated[str, entry_argument("An entry of `win_rate` in params.yaml")]) -> str:
    """Estimate AlpacaEval 2.0's win rates, in percent, from annotations: no judge and no model is asked.

    Reads annotations as `compare` (data/compared/<name>.annotations.json) or alpaca_eval writes them, and the folder
    with alpaca_eval's files df_gamed.csv and instruction_difficulty.csv. Without these the length-controlled rate is
    left out, and said to be. Writes data/metrics/win_rate/NAME.json. Anything but AlpacaEval's 805 judged answers is an
    error.
    """
    settings = entry(load().win_rate, name, "win_rate")
    annotations = artifacts.read_rows(settings.annotations, Annotation)
    rates = plain_win_rate(annotations) | length_controlled(annotations, Path(settings.files))
    artifacts.write_json(f"data/metrics/win_rate/{name}.json", rates)
    return str(rates.get("left_out", ""))


if __name__ == "__main__":
    main(win_rate)
