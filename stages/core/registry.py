"""The registries: the names that params.yaml may use for corpus formats, chains, benchmarks, judges and engines.

A new corpus format is a module in stages/corpora and a line in CORPUS_FORMATS, a new chain a module in stages/chains
and a line in CHAINS, a new benchmark a module in stages/evaluation/benchmarks and a line in BENCHMARKS, a new judge a
module in stages/evaluation/judges and a line in JUDGES, a new engine a package in stages/inference/backends and a line
in ENGINES. An implementation is imported when it is used, so params.yaml is checked against these names without
importing any.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Registered(NamedTuple):
    """One entry of a registry."""

    implementation: str
    """Where it is defined: "package.module:attribute"."""
    settings: tuple[str, ...] = ()
    """Optional settings of the section that this entry requires; the other entries refuse them."""
    sections: tuple[str, ...] = ()
    """Other sections whose entries may name it."""
    options: str = ""
    """Where the type of its options is defined, "package.module:attribute"; "" where it checks them itself."""
    words: str = ""
    """The text that asks for the task of a chain, where `wording` of params.yaml has none."""


CORPUS_FORMATS = {
    "alpaca": Registered("stages.corpora.alpaca:contents"),
    "alpaca_eval": Registered("stages.corpora.alpaca_eval_prompts:contents"),
    "parallel": Registered("stages.corpora.parallel:contents"),
    "flan_cot": Registered("stages.corpora.flan_cot:contents"),
    "chat": Registered("stages.corpora.chat:contents"),
    "tulu": Registered("stages.corpora.chat:contents"),
    "metamath": Registered("stages.corpora.metamath:contents"),
    "vqa": Registered("stages.corpora.vqa_and_captions:questions"),
    "captions": Registered("stages.corpora.vqa_and_captions:captions"),
    "own": Registered("stages.corpora.mapped_fields:contents"),
}
"""`adapter` of a corpus -> its `Adapter` (stages/corpora/row_types.py)."""

CHAINS = {
    "repeat": Registered("stages.chains.repeat:CHAIN", words="First repeat the input, then"),
    "paraphrase": Registered(
        "stages.chains.paraphrase:CHAIN", sections=("model",), words="First paraphrase the input, then"
    ),
    "translate": Registered(
        "stages.chains.translate:CHAIN",
        ("languages", "share", "labels"),
        ("aligned", "model"),
        words="First translate the input into English, then",
    ),
    "caption": Registered(
        "stages.chains.caption:CHAIN", sections=("captions",), words="First describe the image, then"
    ),
}
"""`chain` of a link -> its `Chain` (stages/chains/chain_types.py). sections: the parts of `augment` that have what it
needs; () for all of them. words: the paper's (4.1, A.1)."""

BENCHMARKS = {
    "xquad": Registered("stages.evaluation.benchmarks.xquad:BENCHMARK", ("languages",), ("compare", "judge_tasks")),
    "mgsm": Registered("stages.evaluation.benchmarks.mgsm:TRANSLATE_COT", ("languages",), ("compare",)),
    "mgsm-en": Registered("stages.evaluation.benchmarks.mgsm:ENGLISH_COT", ("languages",), ("compare",)),
    "seqeval": Registered(
        "stages.evaluation.benchmarks.seqeval:BENCHMARK", (), ("compare", "judge_tasks", "judge_agreement")
    ),
    "alpaca_eval": Registered(
        "stages.evaluation.benchmarks.alpaca_eval:BENCHMARK", (), ("compare", "judge_tasks", "judge_agreement")
    ),
    "gsm8k": Registered("stages.evaluation.benchmarks.gsm8k:BENCHMARK", (), ("compare",)),
    "commonsenseqa": Registered("stages.evaluation.benchmarks.commonsenseqa:BENCHMARK", (), ("compare", "judge_tasks")),
    "mmlu": Registered("stages.evaluation.benchmarks.lm_eval_tasks:MMLU"),
    "arc": Registered("stages.evaluation.benchmarks.lm_eval_tasks:ARC"),
    "gsm8k-harness": Registered("stages.evaluation.benchmarks.lm_eval_tasks:GSM8K", (), ("compare",)),
    "generic": Registered("stages.evaluation.benchmarks.lm_eval_tasks:SUITE"),
    "humaneval": Registered("stages.evaluation.benchmarks.humaneval:BENCHMARK", ("pass_at",), ("compare",)),
    "vqav2": Registered("stages.evaluation.benchmarks.vqav2:BENCHMARK", ("images",), ("compare",)),
    "gqa": Registered("stages.evaluation.benchmarks.gqa:BENCHMARK", ("images",), ("compare",)),
    "ifeval": Registered("stages.evaluation.benchmarks.ifeval:BENCHMARK", (), ("compare",)),
    "sifo": Registered("stages.evaluation.benchmarks.sifo:BENCHMARK", (), ("compare", "judge_tasks")),
    "constraints": Registered("stages.evaluation.benchmarks.constraints:BENCHMARK", (), ("compare",)),
    "verified": Registered("stages.evaluation.benchmarks.verified:BENCHMARK", (), ("compare", "judge_tasks")),
}
"""`benchmark` of an entry -> its `Benchmark` (stages/evaluation/benchmarks/declaration.py). settings: languages (the
files hold several), images (questions show pictures), pass_at (answers are programs). sections: compare (answers are
texts), judge_tasks (its instructions state their tasks and nothing else that reads like one), judge_agreement (a judge
scores it)."""


JUDGES = {
    "stated": Registered("stages.evaluation.judges.rating:JUDGE"),
    "scores": Registered("stages.evaluation.judges.yes_no:JUDGE"),
    "none": Registered("stages.evaluation.judges.rating:NO_JUDGE"),
}
"""`reading` of a section that has single responses judged -> its `Judge` (stages/evaluation/judges)."""


ENGINES = {
    "embedded": Registered(
        "stages.inference.backends.embedded.engine:BACKEND", options="stages.inference.backends.embedded.engine:Options"
    ),
    "transformers": Registered(
        "stages.inference.backends.transformers.engine:BACKEND",
        options="stages.inference.backends.transformers.engine:Options",
    ),
    "openai": Registered(
        "stages.inference.backends.openai.engine:BACKEND", options="stages.inference.backends.openai.endpoint:Options"
    ),
    "vllm": Registered(
        "stages.inference.backends.vllm.engine:BACKEND", options="stages.inference.backends.vllm.engine:Options"
    ),
    "ray": Registered(
        "stages.inference.backends.ray.engine:BACKEND", options="stages.inference.backends.ray.engine:Options"
    ),
    "scripted": Registered("stages.inference.backends.scripted.engine:BACKEND"),
}
"""`engine` of an entry of `engines` -> its `Backend` (stages/inference/engine_interface.py)."""

PAPER_ARMS = {
    "prompted-mistral-7b": "Mistral-7B, prompted",
    "prompted-mixtral-8x7b": "Mixtral-8×7B, prompted",
    "prompted-llama2-13b": "Llama-2-13B, prompted",
    "prompted-llama2-70b": "Llama-2-70B, prompted",
    "prompted-llama3-8b": "Llama-3-8B, prompted",
    "prompted-llama-7b": "Llama-7B, prompted with 7 examples",
    "alpaca-plain": "Llama-3-8B, IT on Alpaca with its own responses",
    "alpaca-repeat": "Llama-3-8B, SIT on Alpaca with repetitions",
    "alpaca-translate": "Llama-3-8B, SIT on Alpaca with translations",
    "mistral-plain": "Mistral-7B, IT on Alpaca with its own responses",
    "mistral-repeat": "Mistral-7B, SIT on Alpaca with repetitions",
    "mistral-paraphrase": "Mistral-7B, SIT on Alpaca with paraphrases",
    "mistral-translate": "Mistral-7B, SIT on Alpaca with translations",
    "llama2-7b-repeat": "Llama-2-7B, SIT on Alpaca with repetitions",
    "llama2-13b-repeat": "Llama-2-13B, SIT on Alpaca with repetitions",
    "llama-7b-plain": "Llama-7B, IT on Alpaca with its own responses",
    "llama-7b-repeat": "Llama-7B, SIT on Alpaca with repetitions",
    "llama-7b-paraphrase": "Llama-7B, SIT on Alpaca with paraphrases",
    "llama-13b-plain": "Llama-13B, IT on Alpaca with its own responses",
    "llama-13b-repeat": "Llama-13B, SIT on Alpaca with repetitions",
    "llama-13b-paraphrase": "Llama-13B, SIT on Alpaca with paraphrases",
    "vqa-prompted": "InstructBLIP-Vicuna-7B, prompted",
    "vqa-it": "InstructBLIP-Vicuna-7B, IT on VQAv2",
    "vqa-sit": "InstructBLIP-Vicuna-7B, SIT on VQAv2 with captions",
    "alpaca-it": "Llama-3-8B, IT on Alpaca",
    "alpaca-wizardlm": "Llama-3-8B, WizardLM on Alpaca",
    "alpaca-sit": "Llama-3-8B, SIT on Alpaca",
    "flancot-it": "Llama-3-8B, IT on FlanCoT",
    "flancot-sit": "Llama-3-8B, SIT on FlanCoT",
    "tulu-it": "Llama-3-8B, IT on Tulu-V2",
    "tulu-sit": "Llama-3-8B, SIT on Tulu-V2",
    "tulu-metamath-it": "Llama-3-8B, IT on Tulu-V2 and MetaMath",
    "tulu-metamath-sit": "Llama-3-8B, SIT on Tulu-V2 and MetaMath",
    "alpaca-sit-budget": "Llama-3-8B, SIT on Alpaca with as many tokens as IT",
    "alpaca-it-pairs": "Llama-3-8B, IT on Alpaca in pairs of equal length",
    "alpaca-sit-pairs": "Llama-3-8B, SIT on Alpaca in pairs of equal length",
    "alpaca-sit-split": "Llama-3-8B, SIT-split on Alpaca",
    "alpaca-sit-multi": "Llama-3-8B, SIT-multi on Alpaca",
    "alpaca-it-command-r": "Llama-3-8B, IT on Alpaca generated by Command R+",
    "alpaca-sit-command-r": "Llama-3-8B, SIT on Alpaca generated by Command R+",
    "alpaca-it-mistral": "Mistral-7B, IT on Alpaca",
    "alpaca-sit-mistral": "Mistral-7B, SIT on Alpaca",
    "flancot-sit-budget": "Llama-3-8B, SIT on FlanCoT with as many tokens as IT",
    "flancot-it-pairs": "Llama-3-8B, IT on FlanCoT in pairs of equal length",
    "flancot-sit-pairs": "Llama-3-8B, SIT on FlanCoT in pairs of equal length",
    "command-r": "Command R",
    "gpt-35-turbo": "GPT-3.5-Turbo",
}
"""Keys of `report.paper`: the models in the paper's tables -> each in words."""


class Implementations(Mapping[str, T]):
    """The implementations of a registry by name; each is imported when it is first used."""

    def __init__(self, registry: Mapping[str, Registered], type: type[T]) -> None:
        """type: that of every implementation."""
        self._registry, self._type = registry, type

    def __getitem__(self, name: str) -> T:
        """Raises KeyError for a name that is not registered, TypeError for an implementation of another type."""
        declared = implementation(self._registry[name])
        if not isinstance(declared, self._type):
            raise TypeError(f"{self._registry[name].implementation} is no {self._type.__name__}")
        return declared

    def __iter__(self) -> Iterator[str]:
        return iter(self._registry)

    def __len__(self) -> int:
        return len(self._registry)


def implementation(entry: Registered) -> Any:
    """What implements an entry. Raises ImportError or AttributeError where its line is wrong."""
    return loaded(entry.implementation)


def loaded(place: str) -> Any:
    """What is at "package.module:attribute". Raises ImportError or AttributeError where nothing is."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def register(registry: dict[str, Registered], name: str, entry: Registered) -> None:
    """Add an entry to one of the registries. Raises ValueError for a name that is taken."""
    if name in registry:
        raise ValueError(f"{name!r} is registered already, as {registry[name].implementation}")
    registry[name] = entry


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is not registered: the most similar ones, or all that are where none is similar."""
    from difflib import get_close_matches  # only where there is a mistake

    names = list(known)
    if similar := get_close_matches(name, names, n=3):
        return f"unknown {kind} {name!r}; did you mean {' or '.join(map(repr, similar))}?"
    return f"unknown {kind} {name!r}; known are {', '.join(names) or 'none'}"
