"""Reads the tensors of a .safetensors file as NumPy arrays, without torch."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.core.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def tensors(path: Path) -> Iterator[tuple[str, "NDArray[Any]"]]:
    """(name, values as float32) of every tensor of a .safetensors file.

    Raises UserError for a tensor that is no floating-point numbers of 16 bits or more.
    """
    import numpy
    from gguf.utility import SafetensorsLocal

    for name, tensor in SafetensorsLocal(path).tensors.items():
        stored = tensor.mmap_bytes()
        if tensor.dtype == "BF16":  # the upper half of a float32, which numpy does not know
            values = (stored.view("<u2").astype("<u4") << 16).view("<f4")
        elif tensor.dtype in ("F16", "F32", "F64"):
            values = stored.view(f"<f{int(tensor.dtype[1:]) // 8}").astype(numpy.float32)
        else:
            raise UserError(
                f"{path}: {name} is stored as {tensor.dtype}; save the model in bfloat16, float16 or float32"
            )
        yield name, values.reshape(tensor.shape)
