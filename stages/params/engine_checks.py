"""Mistakes between the engines, the models that they run and those that are trained."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, get_args

import msgspec
from msgspec import Struct

from stages.core.registry import ENGINES, loaded
from stages.params import plain_messages
from stages.params.engine_sections import Engine
from stages.params.mistakes import Mistake, existing, unknown

if TYPE_CHECKING:
    from stages.params import Params

SERVER = "openai"
"""The engine that asks a server; all others but `scripted` load weights."""
ANY = "scripted"
KEY_NAME = (
    "takes the name of the environment variable that holds the key, in capitals, such as MY_KEY; never the key itself"
)
TUNED = "tuned"


def mistakes(params: "Params", written: Mapping[str, Any]) -> Iterator[Mistake]:
    """Every mistake. written: the values as the file has them, without inherited ones."""
    for role in ("generator", "judge", "reviewer", TUNED):
        engine: Engine | None = getattr(params.engines, role)
        if engine and any(existing(written, ["engines", role, key]) == 3 for key in ("engine", "options")):
            yield from _options(f"engines.{role}.options", engine)
        if engine and engine.model and role != TUNED:
            yield from _unsuitable(params, written, role, engine, engine.model)
    if params.engines.tuned:
        yield from _tuned(params, written, params.engines.tuned)
    for name, run in params.train.runs.items():
        if params.references.get(run.model, "").startswith("endpoint:"):
            text = (
                f"{run.model} is an endpoint, whose weights can't be trained; name a model of hub:, path: or package:"
            )
            yield Mistake(f"train.runs.{name}.model", text)


def _options(where: str, engine: Engine) -> Iterator[Mistake]:
    """The mistakes of an engine's options; an engine without a type for them checks them when it is opened."""
    if not (place := ENGINES[engine.engine].options):
        return
    kind = loaded(place)
    required = [field.encode_name for field in msgspec.structs.fields(kind) if field.required]
    if lacking := [name for name in required if name not in engine.options]:
        yield Mistake(where, f"engine {engine.engine} needs {', '.join(lacking)} too; add what is missing")
    yield from _wrong_options(where, engine.options, kind, f"engine {engine.engine} has no option")


def _wrong_options(where: str, options: Mapping[str, Any], kind: Any, unknown_key: str) -> Iterator[Mistake]:
    """Unknown options and wrong values, without the values, which may be keys. kind: the struct of the options."""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for key in [key for key in options if key not in fields]:
        yield Mistake(f"{where}.{key}", unknown(unknown_key, str(key), fields))
    for key in [key for key in fields if key in options]:
        value, of_field = options[key], fields[key]
        table = next((one for one in get_args(of_field) if isinstance(one, type) and issubclass(one, Struct)), None)
        if table and isinstance(value, dict):
            yield from _wrong_options(f"{where}.{key}", value, table, f"{key} has no option")
            continue
        try:
            msgspec.convert(value, of_field)
        except msgspec.ValidationError as error:
            text = KEY_NAME if key == "key_env" else plain_messages.option_message(str(error), of_field)
            yield Mistake(f"{where}.{key}", text)


def _tuned(params: "Params", written: Mapping[str, Any], engine: Engine) -> Iterator[Mistake]:
    if engine.model:
        yield Mistake("engines.tuned.model", "has no effect, since each run names its model; remove it")
    inherited = _inherited(written, TUNED)
    if params.train.runs and engine.engine == SERVER and inherited and not engine.options.get("url"):
        runs = f"train.runs.{next(iter(params.train.runs))}"
        text = f"engine {SERVER} can't load the weights of {runs}; name an engine that does, and its options"
        yield Mistake("engines.tuned", f"{text}{inherited}")
        return
    for model in params.predict.models:
        yield from _unsuitable(params, written, TUNED, engine, model)


def _unsuitable(
    params: "Params", written: Mapping[str, Any], role: str, engine: Engine, model: str
) -> Iterator[Mistake]:
    """The mistake of an engine that can't run a model; a model that `fetch` has not is a mistake of its own."""
    reference = params.references.get(model, "")
    is_endpoint = reference.startswith("endpoint:")
    if not reference or engine.engine == ANY or is_endpoint == (engine.engine == SERVER):
        return
    if is_endpoint:
        yield Mistake(f"engines.{role}", f"{model} is an endpoint; name engine {SERVER}, and its options")
    elif not engine.options.get("url"):
        text = (
            f"engine {SERVER} needs an endpoint, and {model} is {reference.partition(':')[0]}:…; name another model, "
        )
        yield Mistake(
            f"engines.{role}", f"{text}or the engine that loads it and its options{_inherited(written, role)}"
        )


def _inherited(written: Mapping[str, Any], role: str) -> str:
    is_own = existing(written, ["engines", role, "engine"]) == 3
    return "" if is_own else " (it takes its engine from engines.generator)"
