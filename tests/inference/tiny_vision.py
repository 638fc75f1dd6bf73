"""Pictures of a few pixels, and a LLaVA of random parameters that sees them."""

from pathlib import Path

from stages.core import artifacts
from stages.core.completions import Image
from tests.inference import tiny

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>\n' }}"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SIDE, PATCH = 8, 4


def picture(path: Path, colour: str) -> Image:
    """A PNG of one colour."""
    import PIL.Image

    PIL.Image.new("RGB", (6, 5), colour).save(path)
    return Image(artifacts.sha256(path), path.as_posix())


def llava(directory: Path) -> Path:
    """Write the model with its processor; the same bytes every time."""
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    image_token = _processor(directory)
    torch.manual_seed(0)
    seen = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=SIDE,
        patch_size=PATCH,
    )  # fmt: skip
    message = LlamaConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=304, max_position_embeddings=512, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=seen, text_config=message, image_token_index=image_token, vision_feature_layer=-1
    )
    LlavaForConditionalGeneration(config).save_pretrained(directory)
    return directory


def instructblip(directory: Path) -> Path:
    """An InstructBLIP, the paper's kind of model: a Q-Former with a tokenizer of its own, and no chat template."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        AutoTokenizer,
        InstructBlipConfig,
        InstructBlipForConditionalGeneration,
        InstructBlipProcessor,
        PreTrainedTokenizerFast,
    )  # fmt: skip
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    words = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "What": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    prompts = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]")
    message = AutoTokenizer.from_pretrained(tiny.tokenizer(directory, chat_template=None))
    processor = InstructBlipProcessor(
        BlipImageProcessorPil(size={"height": SIDE, "width": SIDE}), message, prompts, num_query_tokens=PATCH
    )
    processor.save_pretrained(directory)
    torch.manual_seed(0)
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = InstructBlipConfig(
        vision_config={**small, "image_size": SIDE, "patch_size": PATCH},
        qformer_config={**small, "vocab_size": 3, "encoder_hidden_size": 16},
        text_config={**small, "model_type": "llama", "vocab_size": 304, "bos_token_id": 1, "eos_token_id": 2,
                     "pad_token_id": 0},
        num_query_tokens=PATCH, image_token_index=processor.tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    InstructBlipForConditionalGeneration(model).save_pretrained(directory)
    return directory


def _processor(directory: Path) -> int:
    from transformers import AutoTokenizer, LlavaProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = AutoTokenizer.from_pretrained(tiny.tokenizer(directory))
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}),
        tokenizer=tokenizer, patch_size=PATCH, vision_feature_select_strategy="default", chat_template=TEMPLATE,
        image_token="<image>", num_additional_image_tokens=1,
    ).save_pretrained(directory)  # fmt: skip
    return int(tokenizer.convert_tokens_to_ids("<image>"))
