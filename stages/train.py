"""Fine-tune a model on a formatted set with Axolotl."""

from pathlib import Path
from typing import Annotated

from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses
from stages.params import entry, load
from stages.params.fetched_models import check_fetched
from stages.training import axolotl_run, live_progress, qformer_run
from stages.training.qformer_rows import has_qformer
from stages.training.training_rows import Row


def train(name: Annotated[str, entry_argument("An entry of `train.runs` in params.yaml")]) -> None:
    """Fine-tune a model on a formatted set with Axolotl: all parameters, the `unfrozen` ones, or a LoRA that is merged.

    The result is models/<name>/, a Transformers directory with the chat template it was trained through. Kill it at any
    moment and run it again: it goes on from its last checkpoint under .seqit/train/ and makes the same bytes. The
    loss of every step goes to data/metrics/train/<name>.csv, and while it trains to data/live/, where `dvc exp show`
    finds it. `train.settings.launcher: render` trains nothing and writes the base model with the Axolotl configuration
    beside it, for tests and dry runs. Of an InstructBLIP the Q-Former is trained, by a loop with Transformers.
    """
    params = load()
    run = entry(params.train.runs, name, "train.runs")
    recipe = run.recipe
    rows = artifacts.artifact(f"formatted/{name}", Row)
    base, out = Path("models") / run.model, Path("models") / name
    check_fetched(base, params.references)
    seed = params.seed if run.seed is None else run.seed
    trainer = qformer_run if has_qformer(base) else axolotl_run
    trained = trainer.train(name, recipe, seed, base, rows, out, params.train.environment, live_progress.FOLDER)
    if trained is None:  # another machine writes the result
        return
    artifacts.write_json(f"data/metrics/train/{name}.json", trained.metrics)
    artifacts.write_text(f"data/metrics/train/{name}.csv", trained.csv())
    rows = trained.metrics["rows"]
    lost = {f"longer than {recipe.max_length} tokens": rows["too_long"], "special token": rows["special_token"]}
    report_losses(rows["read"], {"dropped": lost}, kept="used")


if __name__ == "__main__":
    main(train)
