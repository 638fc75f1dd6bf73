"""Tables 4, 5 and 6 of the paper: Seq-Instruct's data, its main results and its ablations (4.2, 5.1, 5.2)."""

from stages.reporting.paper_tables.table_types import (
    Column,
    ControlledWinRate,
    Measure,
    PaperTable,
    RoundValue,
    Row,
    Wanted,
    WinRate,
    measure,
    row,
)

ACTIONS = ("decompose", "prefix", "suffix", "hold")
ROUND_VALUES = [RoundValue(key) for key in ("input_tokens", "output_tokens", *ACTIONS)]
SEED_DATA = {"alpaca": "Alpaca", "flan_cot": "FlanCoT", "tulu": "Tulu-V2", "metamath": "MetaMath"}
"""Adapter of a corpus -> its name in Table 4."""


def _round(labels: str, numbers: str) -> Row:
    return row(labels, numbers, ROUND_VALUES)


TABLE_4 = PaperTable(
    4,
    "What Seq-Instruct made of four corpora",
    ("seed data", "iteration"),
    (
        Column("input", "mean tokens"), Column("output", "mean tokens"),
        *(Column(action, "option selected, %") for action in ACTIONS),
    ),
    (
        _round("Alpaca | 0", "20.2 296.2 - - - -"),
        _round("Alpaca | 1", "44.7 414.6 7.4 51.2 24.5 16.9"),
        _round("Alpaca | 2", "45.2 425.5 30.4 3.8 2.8 63.0"),
        _round("FlanCoT | 0", "125.0 243.1 - - - -"),
        _round("FlanCoT | 1", "127.4 336.7 22.8 48.1 8.1 21.1"),
        _round("FlanCoT | 2", "128.9 337.4 31.4 1.4 1.1 66.1"),
        _round("Tulu-V2 | 0", "49.0 247.3 - - - -"),
        _round("Tulu-V2 | 1", "66.4 486.1 29.9 36.7 13.1 20.3"),
        _round("Tulu-V2 | 2", "75.3 515.4 37.6 6.2 3.8 52.4"),
        _round("MetaMath | 0", "57.0 128.1 - - - -"),
        _round("MetaMath | 1", "56.5 143.5 11.0 4.4 0.7 83.9"),
        _round("MetaMath | 2", "56.9 143.8 3.5 0.2 0.2 96.1"),
    ),
)  # fmt: skip

WANTED: dict[str, Wanted] = {
    "MMLU": Measure((("mmlu", "mmlu"), ("generic", "mmlu"))),
    "ARC": Measure((("arc", "arc"), ("generic", "arc"))),
    "GSM8k": Measure((("gsm8k", "accuracy"), ("gsm8k-harness", "gsm8k"), ("generic", "gsm8k"))),
    "HumanEval": measure("humaneval", "pass@10"),
    "AlpacaEval 2.0": ControlledWinRate(),
    "XQuAD": measure("xquad", "accuracy"),
    "MGSM8k": measure("mgsm", "accuracy"),
    "SeqEval": WinRate("gpt-35-turbo"),
}
"""Column of Tables 5 and 6 -> what belongs beside its numbers."""
GENERIC = 5
"""So many of the columns are generic tasks, the others sequential ones."""
COLUMNS = tuple(
    Column(name, "generic task" if place < GENERIC else "sequential task") for place, name in enumerate(WANTED)
)


def _results(labels: str, numbers: str, arm: str) -> Row:
    return row(labels, numbers, [*WANTED.values()], arm)


TABLE_5 = PaperTable(
    5,
    "Seq-Instruct on four instruction data sets",
    ("dataset", "method"),
    COLUMNS,
    (
        _results("Alpaca | IT", "56.3 49.7 17.7 53.7 7.9 38.5 15.7 46.3", "alpaca-it"),
        _results("Alpaca | WizardLM", "58.4 51.8 32.9 63.9 8.4 42.1 26.9 37.1", "alpaca-wizardlm"),
        _results("Alpaca | SIT", "59.5 52.8 34.5 56.5 15.0 46.1 32.9 50.3", "alpaca-sit"),
        _results("FlanCoT | IT", "54.8 50.0 46.3 60.9 9.5 46.4 34.8 43.5", "flancot-it"),
        _results("FlanCoT | SIT", "58.1 54.1 50.5 65.8 10.0 55.8 41.8 49.6", "flancot-sit"),
        _results("Tulu-V2 | IT", "56.2 51.3 43.4 64.6 16.3 24.9 35.0 50.6", "tulu-it"),
        _results("Tulu-V2 | SIT", "54.4 52.6 47.2 67.5 16.0 35.6 35.6 53.0", "tulu-sit"),
        _results("Tulu-V2+MetaMath | IT", "53.4 49.1 60.4 65.9 16.2 26.0 35.8 36.0", "tulu-metamath-it"),
        _results("Tulu-V2+MetaMath | SIT", "55.1 51.6 62.5 65.2 14.4 30.5 41.2 37.5", "tulu-metamath-sit"),
    ),
)

TABLE_6 = PaperTable(
    6,
    "Ablations: lengths and tasks of the data, and other models",
    ("ablation", "setting", "method"),
    COLUMNS,
    (
        _results("length | data level | IT", "56.3 49.7 17.7 53.7 7.9 38.5 15.7 46.3", "alpaca-it"),
        _results("length | data level | SIT", "59.6 52.9 33.0 59.9 16.6 49.6 28.0 49.8", "alpaca-sit-budget"),
        _results("length | instance level | IT", "57.1 52.7 31.4 57.4 14.7 27.4 16.1 40.9", "alpaca-it-pairs"),
        _results("length | instance level | SIT", "56.2 51.4 28.1 54.3 11.7 40.0 22.1 45.7", "alpaca-sit-pairs"),
        _results("task | task level | SIT-split", "54.8 51.5 23.7 50.1 9.1 35.7 15.8 11.9", "alpaca-sit-split"),
        _results("task | task level | SIT-multi", "56.0 50.9 33.5 47.2 9.5 41.2 19.3 30.5", "alpaca-sit-multi"),
        _results("task | task level | SIT", "59.5 52.8 34.5 56.5 15.0 46.1 32.9 50.3", "alpaca-sit"),
        _results("model | generator CmdR+ | IT", "51.7 54.1 21.6 52.5 6.9 26.6 14.9 40.8", "alpaca-it-command-r"),
        _results("model | generator CmdR+ | SIT", "54.4 53.2 23.7 47.1 8.5 33.4 20.0 45.0", "alpaca-sit-command-r"),
        _results("model | base Mistral-7B | IT", "47.9 54.1 13.9 42.8 5.8 31.7 4.5 37.6", "alpaca-it-mistral"),
        _results("model | base Mistral-7B | SIT", "52.9 53.0 20.9 32.6 7.2 33.2 10.5 46.6", "alpaca-sit-mistral"),
    ),
)
