"""Converts models between GGUF files and Transformers directories, without torch.

Formats: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, https://huggingface.co/docs/safetensors. Both ways
cover the architectures of `ARCHITECTURES` and byte-level BPE vocabularies: what small instruct models are made of.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stages.core import artifacts
from stages.core.errors import UserError
from stages.model_files.gguf_tokenizer import INSTEAD, describe_tokens, special_tokens, tokenizer_config, tokenizer_json
from stages.model_files.safetensors_arrays import tensors

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter
    from numpy.typing import NDArray

ARCHITECTURES = {
    # GGUF's name: Transformers' class and model_type, and whether llama.cpp reorders the rows of Q and K
    "llama": ("LlamaForCausalLM", "llama", True),
    "qwen2": ("Qwen2ForCausalLM", "qwen2", False),
    "qwen3": ("Qwen3ForCausalLM", "qwen3", False),
}


class Shape(NamedTuple):
    """The sizes of a model, by Transformers' names."""

    architecture: str
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int
    rms_norm_eps: float
    rope_theta: float


# ---------------------------------------------------------------- GGUF -> directory


def to_directory(source: Path, target: Path) -> None:
    """Write a GGUF model into the (empty) folder `target` as a Transformers directory.

    Weights are dequantised to float32: exactly the values of the file, which float16 and bfloat16 cannot hold, and what
    training on a CPU computes in. The bytes depend on the source alone. Raises UserError for what is not covered.
    """
    reader, fields = _open(source)
    names = {tensor.name for tensor in reader.tensors}
    shape = _shape_of_gguf(fields, source)
    if "rope_freqs.weight" in names:
        raise UserError(f"{source}: has scaled rotary positions, which can't be converted; {INSTEAD}")
    try:
        _write_metadata(fields, shape, "output.weight" not in names, source, target)
    except KeyError as error:
        raise UserError(f"{source}: lacks {error.args[0]}; the file is damaged or made by an old tool") from None
    _write_weights(reader, shape, target / "model.safetensors")


def _write_metadata(fields: dict[str, Any], shape: Shape, tied: bool, source: Path, target: Path) -> None:
    special = special_tokens(fields)
    artifacts.write_json(target / "tokenizer.json", tokenizer_json(fields, source))
    artifacts.write_json(target / "tokenizer_config.json", tokenizer_config(fields, special))
    artifacts.write_json(target / "config.json", _config(shape, len(fields["tokenizer.ggml.tokens"]), special, tied))
    artifacts.write_json(
        target / "generation_config.json", {f"{name}_token_id": token for name, token in special.items()}
    )
    if template := fields.get("tokenizer.chat_template"):
        artifacts.write_text(target / "chat_template.jinja", template)


def _open(source: Path) -> tuple["GGUFReader", dict[str, Any]]:
    from gguf import GGUFReader

    try:
        reader = GGUFReader(source)
        return reader, {name: field.contents() for name, field in reader.fields.items()}
    except FileNotFoundError:
        raise UserError(f"{source}: no such file; check the reference in params.yaml") from None
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise UserError(f"{source}: not a readable GGUF file ({error}); download it again") from None


def _shape_of_gguf(fields: dict[str, Any], source: Path) -> Shape:
    name = fields.get("general.architecture", "none")
    if name not in ARCHITECTURES:
        raise UserError(
            f"{source}: architecture {name!r} can't be converted, known are {', '.join(ARCHITECTURES)}; {INSTEAD}"
        )

    def field(key: str, default: Any = None) -> Any:
        value = fields.get(f"{name}.{key}", default)
        if value is None:
            raise UserError(f"{source}: lacks {name}.{key}; the file is damaged or too old")
        return value

    heads, width = field("attention.head_count"), field("embedding_length")
    return Shape(
        name, width, field("feed_forward_length"), field("block_count"), heads, field("attention.head_count_kv", heads),
        field("attention.key_length", width // heads), field("context_length"),
        float(field("attention.layer_norm_rms_epsilon")), float(field("rope.freq_base", 10000.0)),
    )  # fmt: skip


def _config(shape: Shape, vocabulary: int, special: dict[str, int], tied: bool) -> dict[str, Any]:
    class_name, model_type, _ = ARCHITECTURES[shape.architecture]
    sizes = {name: value for name, value in shape._asdict().items() if name != "architecture"}
    ids = {f"{name}_token_id": token for name, token in special.items()}
    return {
        "architectures": [class_name], "model_type": model_type, "dtype": "float32", "hidden_act": "silu",
        "vocab_size": vocabulary, "tie_word_embeddings": tied, **sizes, **ids,
    }  # fmt: skip


def _write_weights(reader: "GGUFReader", shape: Shape, path: Path) -> None:
    from gguf.quants import dequantize
    from safetensors.numpy import save_file

    names = {gguf: name for name, gguf in _names(shape)}
    tensors: dict[str, NDArray[Any]] = {}
    for tensor in reader.tensors:
        if tensor.name not in names:
            raise UserError(
                f"tensor {tensor.name} of the GGUF file has no place in a {shape.architecture} model; {INSTEAD}"
            )
        values = dequantize(tensor.data, tensor.tensor_type).astype("float32").reshape(tensor.shape[::-1])
        tensors[names[tensor.name]] = _reorder(names[tensor.name], values, shape, back=True)
    save_file(tensors, path, metadata={"format": "pt"})


def _names(shape: Shape) -> Iterator[tuple[str, str]]:
    """(Transformers' name, GGUF's name) of every tensor that a model of this shape may have."""
    block = {
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    }  # fmt: skip
    yield from {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }.items()
    for layer in range(shape.num_hidden_layers):
        for name, gguf in block.items():
            for end in ("weight", "bias"):
                yield f"model.layers.{layer}.{name}.{end}", f"blk.{layer}.{gguf}.{end}"


def _reorder(name: str, values: "NDArray[Any]", shape: Shape, back: bool = False) -> "NDArray[Any]":
    """Q and K rows between Transformers' order (two halves of a head) and llama.cpp's (interleaved pairs)."""
    part = name.rpartition("self_attn.")[2].partition(".")[0]
    heads = {"q_proj": shape.num_attention_heads, "k_proj": shape.num_key_value_heads}.get(part)
    if heads is None or not ARCHITECTURES[shape.architecture][2]:
        return values
    half = values.shape[0] // heads // 2
    split = (heads, half, 2) if back else (heads, 2, half)
    return values.reshape(*split, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


# ---------------------------------------------------------------- directory -> GGUF


def from_directory(directory: Path, target: Path, precision: str = "Q8_0") -> None:
    """Write a Transformers directory as the GGUF file `target`; norms stay float32, all else in `precision`.

    `precision` is a name of `gguf.GGMLQuantizationType`: F16, Q8_0. Raises UserError for what is not covered.
    """
    from gguf import GGMLQuantizationType, GGUFWriter

    config = artifacts.read_json(directory / "config.json", dict[str, Any])
    shape = _shape_of_config(config, directory)
    vocabulary = _number(directory, config, "vocab_size")
    tied = bool(config.get("tie_word_embeddings"))
    writer = GGUFWriter(target, shape.architecture)
    _describe(writer, shape, vocabulary)
    describe_tokens(writer, directory, config)
    _check_tensors(directory, _expected(shape, vocabulary, tied))
    for name, values in _tensors(directory, shape, tied):
        _add(writer, name, values, GGMLQuantizationType[precision])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _shape_of_config(config: dict[str, Any], directory: Path) -> Shape:
    kind = config.get("model_type")
    name = next((gguf for gguf, (_, model_type, _) in ARCHITECTURES.items() if model_type == kind), None)
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    plain = isinstance(rope, dict) and rope.get("rope_type", rope.get("type", "default")) == "default"
    if name is None or not plain or config.get("mlp_bias"):
        known = "llama, qwen2 and qwen3 without scaled rotary positions"
        raise UserError(f"{directory}: the embedded engine runs {known}, not this {kind!r}; set `engine: transformers`")
    size = partial(_number, directory, config)
    heads, width = size("num_attention_heads"), size("hidden_size")
    return Shape(
        name, width, size("intermediate_size"), size("num_hidden_layers"), heads, size("num_key_value_heads", heads),
        size("head_dim", max(1, width // heads)), size("max_position_embeddings"),
        size("rms_norm_eps", real=True), size("rope_theta", rope.get("rope_theta", 10000.0), True),
    )  # fmt: skip


def _number(directory: Path, config: dict[str, Any], key: str, default: Any = None, real: bool = False) -> Any:
    """A size of config.json: a whole number from 1, or with `real` any number above 0. Raises UserError."""
    value = default if config.get(key) is None else config[key]
    if isinstance(value, bool) or not isinstance(value, (int, float) if real else int) or not 0 < value < 1 << 31:
        fault = "is missing" if value is None else f"is {value!r:.40}, which can't be"
        raise UserError(f"{directory}/config.json: {key} {fault}; fetch the model again, or save it again")
    return value


def _describe(writer: "GGUFWriter", shape: Shape, vocabulary: int) -> None:
    writer.add_context_length(shape.max_position_embeddings)
    writer.add_embedding_length(shape.hidden_size)
    writer.add_block_count(shape.num_hidden_layers)
    writer.add_feed_forward_length(shape.intermediate_size)
    writer.add_head_count(shape.num_attention_heads)
    writer.add_head_count_kv(shape.num_key_value_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_layer_norm_rms_eps(shape.rms_norm_eps)
    writer.add_vocab_size(vocabulary)
    writer.add_file_type(7)  # mostly Q8_0; readers go by the tensors


def _expected(shape: Shape, vocabulary: int, tied: bool) -> dict[str, tuple[int, ...]]:
    """Transformers' name -> shape of every tensor that a model of this shape must have."""
    width, inner, head = shape.hidden_size, shape.intermediate_size, shape.head_dim
    queries, keys = shape.num_attention_heads * head, shape.num_key_value_heads * head
    block: dict[str, tuple[int, ...]] = {
        "input_layernorm": (width,), "post_attention_layernorm": (width,), "mlp.gate_proj": (inner, width),
        "mlp.up_proj": (inner, width), "mlp.down_proj": (width, inner), "self_attn.q_proj": (queries, width),
        "self_attn.k_proj": (keys, width), "self_attn.v_proj": (keys, width), "self_attn.o_proj": (width, queries),
    }  # fmt: skip
    if shape.architecture == "qwen3":
        block |= {"self_attn.q_norm": (head,), "self_attn.k_norm": (head,)}
    sizes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (vocabulary, width),
        "model.norm.weight": (width,),
    }
    if not tied:
        sizes["lm_head.weight"] = (vocabulary, width)
    layers = range(shape.num_hidden_layers)
    return sizes | {f"model.layers.{n}.{name}.weight": size for n in layers for name, size in block.items()}


def _check_tensors(directory: Path, expected: dict[str, tuple[int, ...]]) -> None:
    """Raise UserError for a tensor that config.json demands and the weights lack, or have in another shape."""
    from safetensors import safe_open

    sizes: dict[str, tuple[int, ...]] = {}
    for path in sorted(directory.glob("*.safetensors")):
        with safe_open(path, framework="numpy") as stored:
            sizes |= {name: tuple(stored.get_slice(name).get_shape()) for name in stored.keys()}  # noqa: SIM118
    for name, size in expected.items():
        if sizes.get(name) != size:
            has = f"has the tensor {name} as {list(sizes[name])}, not" if name in sizes else f"lacks the tensor {name},"
            raise UserError(f"{directory}: {has} {list(size)} as config.json says; fetch the model again")


def _tensors(directory: Path, shape: Shape, tied: bool) -> Iterable[tuple[str, "NDArray[Any]"]]:
    names = dict(_names(shape))
    for path in sorted(directory.glob("*.safetensors")):
        for name, values in tensors(path):
            if name == "lm_head.weight" and tied:
                continue
            if name not in names:
                raise UserError(f"{path}: the embedded engine has no place for {name}; set `engine: transformers`")
            yield names[name], _reorder(name, values, shape)


def _add(writer: "GGUFWriter", name: str, values: "NDArray[Any]", precision: "GGMLQuantizationType") -> None:
    from gguf import GGMLQuantizationType
    from gguf.quants import QuantError, quantize

    kind = GGMLQuantizationType.F32 if values.ndim == 1 else precision
    try:
        data = quantize(values, kind)
    except QuantError:  # a row that does not divide into the blocks of the format
        data, kind = quantize(values, GGMLQuantizationType.F16), GGMLQuantizationType.F16
    writer.add_tensor(name, data, raw_dtype=kind)
