"""A published model on a Hub on loopback: one commit, a tag, large files apart, and what Transformers makes of it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from stages.core.completions import Message
from stages.model_publishing.marked_template import conversations
from stages.training.chat_rendering import Specials, render
from tests.inference import tiny
from tests.model_publishing.trained import finished_run, published
from tests.publishing.loopback import TOKEN, Store, hub

PUSH = """
import sys
from pathlib import Path
from stages.core.errors import UserError
from stages.publishing.hub import MODEL, push
try:
    print(push(Path(sys.argv[1]), "lab/small", sys.argv[2], "0123456789abcdef", MODEL))
except UserError as error:
    print("refused:", error)
"""
LOAD = """
import json, sys
from transformers import AutoModelForCausalLM, AutoTokenizer
def answer(place, **more):
    model, tokenizer = (kind.from_pretrained(place, **more) for kind in (AutoModelForCausalLM, AutoTokenizer))
    asked = [{"role": "user", "content": "Say 1 twice."}]
    ids = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    config = model.generation_config
    return tokenizer, model.generate(**ids, max_new_tokens=8, do_sample=False).tolist(), config.eos_token_id
tokenizer, written, ends = answer("lab/small", revision="v0.1.0")
_, original, _ = answer(sys.argv[1])
rendered = []
for turns in json.load(sys.stdin):
    both = tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
    marked = [token for token, inside in zip(both["input_ids"], both["assistant_masks"]) if inside]
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    rendered.append([text, tokenizer.decode(marked)])
names = [tokenizer.eos_token, tokenizer.pad_token]
print(json.dumps({"same": written == original, "ends": ends, "names": names, "rendered": rendered}))
"""


class Account(NamedTuple):
    """Processes of a user whose Hub is the loopback one."""

    address: str
    store: Store
    home: Path

    def run(self, code: str, *arguments: str, text: str = "") -> str:
        environment = os.environ | {
            "HF_ENDPOINT": self.address, "HF_TOKEN": TOKEN, "HF_HOME": str(self.home), "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }  # fmt: skip
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=600, env=environment)
        assert done.returncode == 0, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        return done.stdout.strip()

    def push(self, folder: Path, version: str = "0.1.0") -> str:
        return self.run(PUSH, str(folder), version)

    def commits(self) -> int:
        return int(self.store.git("lab/small", "rev-list", "--count", "main"))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with hub(tmp_path / "hub") as (address, store):
        yield Account(address, store, tmp_path / "home")


@pytest.mark.slow
def test_one_commit_one_tag_and_large_files_apart(account: Account, tmp_path: Path) -> None:
    outputs = finished_run(tmp_path)
    folder = published(tmp_path, outputs)
    assert account.push(folder).startswith("pushed lab/small v0.1.0 at ")
    assert account.push(folder) == "nothing to push: lab/small v0.1.0 has these weights"
    assert account.commits() == 2
    assert account.store.git("lab/small", "cat-file", "-t", "v0.1.0").strip() == b"tag"
    assert b": weights " in account.store.git("lab/small", "cat-file", "-p", "v0.1.0")
    tree = account.store.tree("lab/small", "v0.1.0")
    assert set(tree) == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    } | {".gitattributes"}  # fmt: skip
    assert [path for path, entry in tree.items() if "lfs" in entry] == ["model.safetensors"]
    # Other weights under the same version are refused; a new version removes scores that it does not have.
    other = published(tmp_path, outputs, "other", version="0.2.0", leaderboards={})
    told = json.loads((other / "provenance.json").read_text())
    (other / "provenance.json").write_text(json.dumps(told | {"weights_sha256": "0" * 64}))
    said = "refused: lab/small has a v0.1.0 with other weights; raise this entry's `version` in params.yaml"
    assert account.push(other) == said
    assert account.commits() == 2
    assert account.push(other, "0.2.0").startswith("pushed lab/small v0.2.0 at ")
    assert not [path for path in account.store.tree("lab/small", "v0.2.0") if path.startswith(".eval_results")]
    assert ".eval_results/verified.yaml" in account.store.tree("lab/small", "v0.1.0")


@pytest.mark.local
def test_transformers_opens_it_at_its_tag(account: Account, tmp_path: Path) -> None:
    outputs = finished_run(tmp_path)
    account.push(published(tmp_path, outputs))
    looked = list(conversations())
    said = account.run(LOAD, str(outputs.model), text=json.dumps([msgspec.to_builtins(turns) for turns in looked]))
    told = json.loads(said.splitlines()[-1])
    assert (told["same"], told["ends"], told["names"]) == (True, 2, ["<|im_end|>", "<|endoftext|>"])
    specials = Specials("<|im_start|>", "<|im_end|>", "<|endoftext|>", tuple(tiny.SPECIALS), leading_bos=False)
    for turns, (text, marked) in zip(looked, told["rendered"], strict=True):
        assert text == render(tiny.CHATML, specials, turns)
        assert marked == "".join(replies_of(turns))


def replies_of(turns: list[Message]) -> list[str]:
    return [f"{turn.content}<|im_end|>" for turn in turns if turn.role == "assistant"]
