"""The paper's own figures (Hu et al., NAACL 2025), for comparison; percentages unless a comment says otherwise."""

from typing import NamedTuple


class Iteration(NamedTuple):
    """A row of Table 4; the shares of a round count frozen rows as hold."""

    corpus: str
    round: int
    input_tokens: float
    output_tokens: float
    decompose: float | None = None
    prefix: float | None = None
    suffix: float | None = None
    hold: float | None = None


TABLE_4 = (
    Iteration("Alpaca", 0, 20.2, 296.2),
    Iteration("Alpaca", 1, 44.7, 414.6, 7.4, 51.2, 24.5, 16.9),
    Iteration("Alpaca", 2, 45.2, 425.5, 30.4, 3.8, 2.8, 63.0),
    Iteration("FlanCoT", 0, 125.0, 243.1),
    Iteration("FlanCoT", 1, 127.4, 336.7, 22.8, 48.1, 8.1, 21.1),
    Iteration("FlanCoT", 2, 128.9, 337.4, 31.4, 1.4, 1.1, 66.1),
    Iteration("Tulu-V2", 0, 49.0, 247.3),
    Iteration("Tulu-V2", 1, 66.4, 486.1, 29.9, 36.7, 13.1, 20.3),
    Iteration("Tulu-V2", 2, 75.3, 515.4, 37.6, 6.2, 3.8, 52.4),
    Iteration("MetaMath", 0, 57.0, 128.1),
    Iteration("MetaMath", 1, 56.5, 143.5, 11.0, 4.4, 0.7, 83.9),
    Iteration("MetaMath", 2, 56.9, 143.8, 3.5, 0.2, 0.2, 96.1),
)

HOLD_OF_PROMPTED = {"Alpaca": 55.5, "FlanCoT": 57.0}
"""Share held in round 2 among the rows really asked again, from the released data; Table 4 counts frozen rows too."""

# Llama-3-8B tuned on Alpaca: accuracy, and for XQuAD the following rate (Tables 9 and 10, trans-CoT).
LANGUAGES: dict[str, dict[str, dict[str, tuple[float, float | None]]]] = {
    "xquad": {
        "IT": {"de": (44.3, 6), "zh": (34.6, 6), "ru": (41.3, 7), "es": (49.7, 8), "ar": (31.2, 5), "el": (42.5, 8),
               "vi": (40.0, 4), "hi": (36.3, 4), "tr": (34.3, 3), "th": (30.6, 3)},
        "SIT": {"de": (52.2, 45), "zh": (42.2, 56), "ru": (44.9, 57), "es": (54.2, 46), "ar": (40.0, 60),
                "el": (47.1, 45), "vi": (47.8, 53), "hi": (42.8, 49), "tr": (47.1, 63), "th": (43.0, 59)},
    },
    "mgsm": {
        "IT": {"en": (20.4, None), "es": (20.0, None), "fr": (17.6, None), "de": (16.8, None), "ru": (17.6, None),
               "zh": (19.6, None), "ja": (18.4, None), "th": (17.2, None), "sw": (10.4, None), "bn": (6.8, None),
               "te": (8.0, None)},
        "SIT": {"en": (42.8, None), "es": (36.0, None), "fr": (36.8, None), "de": (36.8, None), "ru": (38.4, None),
                "zh": (34.0, None), "ja": (30.8, None), "th": (32.4, None), "sw": (24.4, None), "bn": (25.6, None),
                "te": (20.4, None)},
    },
}  # fmt: skip

# Table 13, Llama-3-8B tuned on Alpaca, by iteration 1 to 4: quality (1 to 5), and following rate.
BY_TASKS: dict[str, dict[str, dict[str, tuple[float, ...]]]] = {
    "seqeval": {
        "quality": {"IT": (4.467, 4.468, 4.488, 4.433), "WizardLM": (3.822, 4.203, 4.064, 4.088),
                    "SIT": (4.618, 4.686, 4.652, 4.649)},
        "following": {"IT": (83.0, 84.0, 84.1, 81.4), "WizardLM": (71.2, 76.1, 72.9, 73.8),
                      "SIT": (88.3, 89.9, 89.1, 88.6)},
    },
}  # fmt: skip
"""Benchmark -> measure -> method -> the values for 2, 3, 4 and 5 tasks."""
