"""The verbs and objects of what a round added to instructions (paper, Figures 6, 7) -> data/verbs/<name>.jsonl."""

from pathlib import Path
from typing import Annotated

from stages.core import artifacts
from stages.core.cli import entry_argument, main, report_losses
from stages.core.records import Record
from stages.model_files.spacy_pipeline import identity_of
from stages.params import entry, load
from stages.params.fetched_models import check_fetched
from stages.verbs.added_verbs import AddedVerbs, VerbCounts
from stages.verbs.spacy_parser import SpacyParser


def count_verbs(
    name: Annotated[str, entry_argument("An entry of `count_verbs.sets` in params.yaml, such as seed-1")],
) -> None:
    """Find the verb nearest the root and its first direct object, of the words that `after` has and `before` has not.

    A row is {id, action, verb, noun}, lemmas; data/metrics/count_verbs/NAME.json has their counts by action, which the
    report draws. Needs the extra `verbs` and the parser that `count_verbs.parser` names under `fetch.models`.
    """
    params = load()
    chosen = entry(params.count_verbs.sets, name, "count_verbs.sets")
    folder = Path("models", params.count_verbs.parser)
    check_fetched(folder, params.references)
    parser = SpacyParser(folder, identity_of(folder))
    before = {record.id: record.instruction for record in artifacts.artifact(chosen.before, Record)}
    added, counts = AddedVerbs(before, artifacts.artifact(chosen.after, Record), parser), VerbCounts()
    rows = artifacts.write(f"data/verbs/{name}.jsonl", counts.counted(added))
    statistics = counts.document() | {"after": chosen.after, "parser": parser.identity, "skipped": added.skipped}
    artifacts.write_json(f"data/metrics/count_verbs/{name}.json", statistics)
    no_verb = {"no verb": rows - statistics["with_verb"]}
    report_losses(rows + added.skipped.total(), {"skipped": added.skipped, "without": no_verb}, kept="with a verb")


if __name__ == "__main__":
    main(count_verbs)
