"""BERTScore on a tiny encoder: the package's numbers, and what can't be compared."""

from pathlib import Path

import pytest

from stages.core.errors import UserError
from stages.evaluation.bertscore import bertscore
from tests.inference import tiny

PAIRS = [("one two", "one two"), ("x y z", "three"), ("The answer is:", "one"), ("", "a"), ("a", " ")]
PACKAGE = [1.0, 0.766101, 0.760348]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

    directory = tiny.tokenizer(tmp_path_factory.mktemp("encoder"))
    made = Tokenizer.from_file(str(directory / "tokenizer.json"))
    ends = [(token, tiny.SPECIALS.index(token)) for token in tiny.SPECIALS[1:]]
    made.post_processor = TemplateProcessing(single=f"{ends[0][0]} $A {ends[1][0]}", special_tokens=ends)
    names = {"cls_token": ends[0][0], "sep_token": ends[1][0], "pad_token": tiny.SPECIALS[0]}
    PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(directory)
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
    tokens = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = RobertaConfig(**shape, **tokens, vocab_size=300, max_position_embeddings=130)
    RobertaModel(config).save_pretrained(directory)
    return directory


@pytest.mark.local
def test_the_numbers_are_those_of_the_package(encoder: Path) -> None:
    with bertscore(str(encoder), layer=2, batch=2) as similarity:
        assert similarity is not None
        similarities = list(similarity(iter(PAIRS)))
    # bert-score 0.3.13: BERTScorer(model_type=encoder, num_layers=2).score(texts, references)
    assert similarities[:3] == pytest.approx(PACKAGE, abs=1e-4)
    assert similarities[3:] == [0, 0]


def test_without_a_model_nothing_is_compared() -> None:
    with bertscore(None, 17, 32) as similarity:
        assert similarity is None


@pytest.mark.local
def test_what_is_no_encoder(tmp_path: Path, encoder: Path) -> None:
    with pytest.raises(UserError, match=r"evaluate\.bertscore\.model: models/none: no such folder"):
        bertscore("models/none", 17, 32).__enter__()
    with pytest.raises(UserError, match=r"has no config\.json"):
        bertscore(str(tmp_path), 17, 32).__enter__()
    with bertscore(str(encoder), 4, 32) as similarity, pytest.raises(UserError, match=r"layer: 4, but .* has 3"):
        assert similarity is not None
        list(similarity([("a", "b")]))
