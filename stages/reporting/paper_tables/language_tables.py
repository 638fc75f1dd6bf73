"""Tables 9, 10 and 11 of the paper: XQuAD and MGSM by language (C.1, C.2)."""

from collections.abc import Sequence

from stages.reporting.paper_tables.table_types import Change, Column, PaperTable, Row, Wanted, measure, row

XQUAD = ("de", "zh", "ru", "es", "ar", "el", "vi", "hi", "tr", "th")
MGSM = ("en", "es", "fr", "de", "ru", "zh", "ja", "th", "sw", "bn", "te")
PROMPTS = {"mgsm-en": "en-CoT", "mgsm": "trans-CoT"}
"""Benchmark -> how its questions are asked."""


def _xquad(labels: str, numbers: str, arms: str | Sequence[str]) -> Row:
    groups = (*(f"language:{name}" for name in XQUAD), "")
    return row(labels, numbers, [_both(group) for group in groups], arms)


def _both(group: str) -> tuple[Wanted, ...]:
    return measure("xquad", "accuracy", group), measure("xquad", "following", group)


TABLE_9 = PaperTable(
    9,
    "XQuAD by language",
    ("model", "dataset", "method"),
    tuple(Column(name.upper()) for name in (*XQUAD, "avg")),
    (
        _xquad(
            "Mistral-7B | Alpaca | IT",
            "44.7/41 21.7/13 38.7/36 46.3/48 12.8/3 15.2/4 25.3/7 9.6/0.5 24.9/5 9.2/1 24.8/15.9",
            ("mistral-plain", "alpaca-it-mistral"),
        ),
        _xquad(
            "Mistral-7B | Alpaca | SIT (manual)",
            "62.0/96 37.2/84 52.7/93 62.6/97 21.8/42 25.1/34 37.9/68 15.5/9 34.4/49 13.7/5 36.3/57.7",
            "mistral-translate",
        ),
        _xquad(
            "Mistral-7B | Alpaca | SIT (automatic)",
            "41.1/54 19.7/31 34.5/47 39.2/38 15.6/8 20.2/9 29.0/14 15.5/7 25.0/5 12.1/3 25.2/21.6",
            "alpaca-sit-mistral",
        ),
        _xquad(
            "Llama-3-8B | Alpaca | IT",
            "44.3/6 34.6/6 41.3/7 49.7/8 31.2/5 42.5/8 40.0/4 36.3/4 34.3/3 30.6/3 38.5/5.4",
            ("alpaca-plain", "alpaca-it"),
        ),
        _xquad(
            "Llama-3-8B | Alpaca | SIT (manual)",
            "52.7/90 40.0/81 43.5/78 54.5/98 39.2/79 45.3/61 47.8/85 42.4/47 43.6/82 38.0/56 44.7/75.7",
            "alpaca-translate",
        ),
        _xquad(
            "Llama-3-8B | Alpaca | SIT (automatic)",
            "52.2/45 42.2/56 44.9/57 54.2/46 40.0/60 47.1/45 47.8/53 42.8/49 47.1/63 43.0/59 46.1/53.3",
            "alpaca-sit",
        ),
        _xquad(
            "Llama-3-8B | Alpaca | WizardLM",
            "51.0/15 36.1/13 43.9/18 50.3/15 36.1/24 47.1/18 42.4/14 40.4/15 39.1/17 34.4/16 42.1/16.5",
            "alpaca-wizardlm",
        ),
        _xquad(
            "Llama-3-8B | FlanCoT | IT",
            "55.5/3 38.5/3 45.4/6 55.6/5 40.5/7 50.6/7 47.3/5 45.6/5 47.6/4 37.6/5 46.4/5.0",
            "flancot-it",
        ),
        _xquad(
            "Llama-3-8B | FlanCoT | SIT (automatic)",
            "63.5/75 49.9/85 55.5/83 66.1/76 50.0/89 59.4/91 56.1/78 53.7/75 55.6/88 48.4/80 55.8/82.0",
            "flancot-sit",
        ),
    ),
    "accuracy, following rate",
)


def _mgsm(method: str, benchmark: str, numbers: str, arm: str) -> Row:
    languages: list[Wanted] = [measure(benchmark, "accuracy", f"language:{name}") for name in MGSM]
    mean = measure(benchmark, "accuracy")
    change = Change(measure("mgsm", "accuracy"), measure("mgsm-en", "accuracy"))
    return row(f"{method} | {PROMPTS[benchmark]}", numbers, [*languages, mean, change], arm)


MGSM_COLUMNS = tuple(Column(name) for name in (*(name.upper() for name in MGSM), "avg.", "Δ"))
TABLE_10 = PaperTable(
    10,
    "MGSM by language, tuned on Alpaca",
    ("method", "prompt"),
    MGSM_COLUMNS,
    (
        _mgsm("IT", "mgsm-en", "24.8 19.6 14.0 12.4 17.6 18.8 16.8 12.0 5.2 8.8 7.6 14.9 -", "alpaca-it"),
        _mgsm("IT", "mgsm", "20.4 20.0 17.6 16.8 17.6 19.6 18.4 17.2 10.4 6.8 8.0 17.0 2.1", "alpaca-it"),
        _mgsm(
            "WizardLM", "mgsm-en", "33.6 26.4 27.2 24.4 28.8 23.6 20.0 22.8 10.4 18.0 12.4 22.9 -", "alpaca-wizardlm"
        ),
        _mgsm("WizardLM", "mgsm", "39.6 28.8 32.8 26.4 28.8 26.8 25.2 26.8 19.2 22.0 15.6 26.9 4.0", "alpaca-wizardlm"),
        _mgsm("SIT", "mgsm-en", "37.6 31.6 32.0 29.2 30.0 26.8 24.4 28.4 20.0 17.2 12.4 26.1 -", "alpaca-sit"),
        _mgsm("SIT", "mgsm", "42.8 36.0 36.8 36.8 38.4 34.0 30.8 32.4 24.4 25.6 20.4 32.9 6.8", "alpaca-sit"),
    ),
)
TABLE_11 = PaperTable(
    11,
    "MGSM by language, tuned on FlanCoT",
    ("method", "prompt"),
    MGSM_COLUMNS,
    (
        _mgsm("IT", "mgsm-en", "51.2 43.2 37.6 38.8 38.0 37.2 31.6 29.2 18.8 26.0 21.2 35.0 -", "flancot-it"),
        _mgsm("IT", "mgsm", "52.4 39.6 40.4 44.8 35.2 42.4 30.8 30.8 16.0 27.2 21.6 34.8 -0.2", "flancot-it"),
        _mgsm("SIT", "mgsm-en", "52.0 44.4 39.2 42.4 40.0 33.6 31.6 32.4 21.6 31.6 26.4 35.5 -", "flancot-sit"),
        _mgsm("SIT", "mgsm", "54.8 50.0 47.2 45.6 46.0 42.4 36.4 40.8 27.6 33.6 24.8 41.8 6.3", "flancot-sit"),
    ),
)
