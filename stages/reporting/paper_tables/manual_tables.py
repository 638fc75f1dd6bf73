"""Tables 1, 2, 3, 7 and 8 of the paper: chains of tasks that people defined (4.1, A.1, A.2)."""

from stages.reporting.paper_tables.table_types import Column, PaperTable, Row, Wanted, measure, row, row_by_arm

REPEATED = ("rouge_l", "bertscore", "following", "answered", "both")
"""Measures of CommonsenseQA in the columns of Table 1."""
SEEN, UNSEEN = ("de", "zh", "ru", "es"), ("ar", "el", "vi", "hi", "tr", "th")


def _repeated(labels: str, numbers: str, arm: str) -> Row:
    return row(labels, numbers, [measure("commonsenseqa", name, "group:repeat") for name in REPEATED], arm)


TABLE_1 = PaperTable(
    1,
    "Repeating the input of CommonsenseQA before answering it",
    ("method", "model"),
    (
        Column("R-L", "repeated text"), Column("BS", "repeated text"), Column("R", "following"),
        Column("A", "following"), Column("R+A", "following"),
    ),
    (
        _repeated("base, prompted | Mistral-7B", "50 88 94 11 6", "prompted-mistral-7b"),
        _repeated("base, prompted | Mixtral-8×7B", "38 87 85 30 16", "prompted-mixtral-8x7b"),
        _repeated("base, prompted | Llama-2-13B", "10 81 10 51 6", "prompted-llama2-13b"),
        _repeated("base, prompted | Llama-2-70B", "35 87 54 44 21", "prompted-llama2-70b"),
        _repeated("base, prompted | Llama-3-8B", "63 91 41 20 7", "prompted-llama3-8b"),
        _repeated("IT | Mistral-7B-Alpaca", "48 88 64 56 45", "mistral-plain"),
        _repeated("IT | Llama-3-8B-Alpaca", "42 82 33 69 27", "alpaca-plain"),
        _repeated("SIT | Mistral-7B-Alpaca", "55 92 99 85 84", "mistral-repeat"),
        _repeated("SIT | Llama-2-7B-Alpaca", "54 92 89 91 85", "llama2-7b-repeat"),
        _repeated("SIT | Llama-2-13B-Alpaca", "39 90 99 93 93", "llama2-13b-repeat"),
        _repeated("SIT | Llama-3-8B-Alpaca", "53 93 96 95 95", "alpaca-repeat"),
    ),
)  # fmt: skip


def _xquad(labels: str, numbers: str, arm: str) -> Row:
    languages = [measure("xquad", "accuracy", f"language:{name}") for name in (*SEEN, *UNSEEN)]
    return row(labels, numbers, [*languages, measure("xquad", "accuracy"), measure("xquad", "following")], arm)


TABLE_2 = PaperTable(
    2,
    "XQuAD, tuned on Alpaca with and without a translation first",
    ("base model", "method"),
    (
        *(Column(name, "seen") for name in SEEN), *(Column(name, "unseen") for name in UNSEEN),
        Column("acc.", "average"), Column("follow", "average"),
    ),
    (
        _xquad("Mistral-7B | IT", "44.7 21.7 38.7 46.3 12.8 15.2 25.3 9.6 24.9 9.2 24.84 15.9", "mistral-plain"),
        _xquad("Mistral-7B | SIT", "62.0 37.2 52.7 62.6 21.8 25.1 37.9 15.5 34.4 13.7 36.29 57.7", "mistral-translate"),
        _xquad("Llama-3-8B | IT", "44.3 34.6 41.3 49.7 31.2 42.5 40.0 36.3 34.3 30.6 38.48 5.4", "alpaca-plain"),
        _xquad("Llama-3-8B | SIT", "52.7 40.0 43.5 54.5 39.2 45.3 47.8 42.4 43.6 38.0 44.70 75.7", "alpaca-translate"),
    ),
)  # fmt: skip


def _pictures(labels: str, numbers: str, group: str, arm: str) -> Row:
    return row(labels, numbers, [measure(name, "official", f"group:{group}") for name in ("vqav2", "gqa")], arm)


TABLE_3 = PaperTable(
    3,
    "Questions about pictures, with and without a description first",
    ("method",),
    (Column("VQAv2", "in-domain"), Column("GQA", "out-of-domain")),
    (
        _pictures("prompt", "60.7 46.8", "plain", "vqa-prompted"),
        _pictures("IT", "61.3 47.0", "plain", "vqa-it"),
        _pictures("SIT", "63.4 48.9", "caption", "vqa-sit"),
    ),
)

PROMPTS = ("plain", "repeat", "paraphrase")
"""Groups of CommonsenseQA, and how the runs of Tables 7 and 8 were trained."""


def _by_training(base: str, wanted: dict[str, tuple[Wanted, ...]]) -> dict[str, tuple[Wanted, ...]]:
    return {f"{base}-{training}": parts for training, parts in wanted.items()}


def _dummy(labels: str, numbers: str, base: str) -> Row:
    wanted: dict[str, tuple[Wanted, ...]] = {
        prompt: (measure("commonsenseqa", "accuracy", f"group:{prompt}"),) for prompt in PROMPTS
    }
    return row_by_arm(labels, numbers, _by_training(base, wanted))


TABLE_7 = PaperTable(
    7,
    "CommonsenseQA after training with tasks that add nothing",
    ("model",),
    (Column("Alpaca", "IT"), Column("+ Repeat", "SIT"), Column("+ Paraphrase", "SIT")),
    (
        _dummy("Llama-7B", "35 39 41", "llama-7b"),
        _dummy("Llama-13B", "47 48 49", "llama-13b"),
        _dummy("Mistral-7B", "61 64 63", "mistral"),
        row_by_arm(
            "Llama-7B, 7-shot prompting (Touvron et al., 2023)", "33",
            {"prompted-llama-7b": (measure("commonsenseqa", "accuracy", "group:plain"),)},
        ),
    ),
)  # fmt: skip


def _switched(labels: str, numbers: str, prompt: str) -> Row:
    parts = tuple(measure("commonsenseqa", name, f"group:{prompt}") for name in ("accuracy", "following"))
    return row_by_arm(labels, numbers, _by_training("mistral", dict.fromkeys(PROMPTS, parts)))


TABLE_8 = PaperTable(
    8,
    "Mistral-7B with an intermediate task that it was not trained on (CommonsenseQA)",
    ("prompt",),
    (Column("IT", "training"), Column("SIT (+ Repeat)", "training"), Column("SIT (+ Paraphrase)", "training")),
    (
        _switched("Non-sequential", "61/- 56/- 58/-", "plain"),
        _switched("Repeat", "20/30 64/99 45/96", "repeat"),
        _switched("Paraphrase", "21/35 64/96 63/100", "paraphrase"),
    ),
    "accuracy, following rate",
)
