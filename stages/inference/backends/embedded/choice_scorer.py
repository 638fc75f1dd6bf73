"""Scores of choices by an OpenVINO graph: the log-probability of each choice after a prompt, in one forward pass."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from openvino import Model

CHUNK = 16
"""Prompts per pass; bounds the memory of activations."""


class ChoiceScorer:
    """Scores choices as Transformers would, to about 0.1 in bfloat16 and 0.01 in float32."""

    def __init__(self, graph: Path, properties: dict[str, Any]) -> None:
        """`graph`: the file of `openvino_export.export_graph`. `properties`: OpenVINO's."""
        import openvino

        core = openvino.Core()
        model = core.read_model(graph)
        _keep_last_position(model)
        self._request = core.compile_model(model, "CPU", properties).create_infer_request()

    def score(self, prompts: Sequence[list[int]], choices: Sequence[Sequence[list[int]]]) -> list[list[float]]:
        """For each prompt (token ids), the natural log-probability of each of its choices (token ids, none empty).

        Results depend on the prompts that are scored together, in the last digits.
        """
        scores: list[list[float]] = [[]] * len(prompts)
        # By length, so that there is little padding; ties by position, so that equal batches have equal padding.
        order = sorted(range(len(prompts)), key=lambda place: (len(prompts[place]), place))
        for start in range(0, len(order), CHUNK):
            chunk = order[start : start + CHUNK]
            chunk_scores = self._score_chunk([prompts[place] for place in chunk], [choices[place] for place in chunk])
            for place, values in zip(chunk, chunk_scores, strict=True):
                scores[place] = values
        return scores

    def _score_chunk(self, prompts: list[list[int]], choices: list[Sequence[list[int]]]) -> list[list[float]]:
        import numpy

        self._request.reset_state()
        width = max(map(len, prompts))
        ids = numpy.array([[0] * (width - len(prompt)) + prompt for prompt in prompts], dtype=numpy.int64)
        mask = numpy.array([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], dtype=numpy.int64)
        log_probabilities = self._feed(ids, mask, numpy.arange(len(prompts)))
        # From here on a row is a (prompt, choice); beam_idx copies a prompt's state to each of its rows.
        rows = [(place, choice) for place, options in enumerate(choices) for choice in options]
        source = numpy.array([place for place, _ in rows])
        totals = [float(log_probabilities[place, choice[0]]) for place, choice in rows]
        mask = mask[source]
        for step in range(1, max(len(choice) for _, choice in rows)):
            mask = numpy.concatenate([mask, numpy.ones((len(rows), 1), numpy.int64)], axis=1)
            fed = numpy.array([[choice[min(step, len(choice)) - 1]] for _, choice in rows], dtype=numpy.int64)
            log_probabilities = self._feed(fed, mask, source)
            source = numpy.arange(len(rows))
            for row, (_, choice) in enumerate(rows):
                totals[row] += float(log_probabilities[row, choice[step]]) if step < len(choice) else 0.0
        remaining = iter(totals)
        return [[round(next(remaining), 6) for _ in options] for options in choices]

    def _feed(self, ids: "NDArray[Any]", mask: "NDArray[Any]", source: "NDArray[Any]") -> "NDArray[Any]":
        """Log-probabilities [row, token] after feeding `ids` [row, new tokens]; `mask` covers all tokens so far."""
        import numpy

        positions = numpy.maximum(mask.cumsum(axis=1) - 1, 0)[:, -ids.shape[1] :]
        inputs = {
            "input_ids": ids,
            "attention_mask": mask,
            "position_ids": positions,
            "beam_idx": source.astype(numpy.int32),
        }
        logits = self._request.infer(inputs)["logits"][:, -1].astype(numpy.float64)
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_probabilities: NDArray[Any] = shifted - numpy.log(numpy.exp(shifted).sum(axis=1, keepdims=True))
        return log_probabilities


def _keep_last_position(model: "Model") -> None:
    """Cut the graph to the last position's logits: those of all would be gigabytes for a batch of long prompts."""
    import numpy
    from openvino import opset13

    node = model.get_results()[0].input_value(0).get_node()
    while node.get_type_name() != "MatMul":
        node = node.input_value(0).get_node()
    start, end, step, axis = (numpy.array([value], numpy.int64) for value in (-1, numpy.iinfo(numpy.int64).max, 1, 1))
    node.input(0).replace_source_output(opset13.slice(node.input_value(0), start, end, step, axis).output(0))
    model.validate_nodes_and_infer_types()
