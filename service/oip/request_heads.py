"""JSON of requests with binary tensors, validated once.

A client sends the same JSON with each batch of one size: only the bytes after it
differ. To parse and validate it takes longer than to compute a small batch.
"""

from math import prod
from typing import NamedTuple

from service.oip.specs import ModelSpec
from service.oip.tensor_request import TensorRequest
from service.oip.tensors import FLOAT32, is_in_range, view_numbers

MAX_HEADS = 256
MAX_HEAD_BYTES = 2048


class KnownHead(NamedTuple):
    """A request that was valid, without its tensor.

    shape: of the tensor.
    """

    request: TensorRequest
    shape: tuple[int, ...]


class RequestHeads:
    """The last JSON texts of valid requests whose tensors followed as bytes."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], KnownHead] = {}

    def request(
        self,
        head: bytes,
        binary: memoryview,
        spec: ModelSpec,
    ) -> TensorRequest | None:
        """Return the request of a text and the bytes after it.

        None if the text is not known for the model, or the bytes are not valid.
        """
        known = self._known.get((spec.name, head))
        if known is None or known.request.spec is not spec:
            return None
        if len(binary) != FLOAT32.itemsize * prod(known.shape):
            return None
        numbers = view_numbers(binary)
        if not is_in_range(numbers, spec):
            return None
        return known.request.with_tensor(numbers.reshape(known.shape))

    def add(self, head: bytes, request: TensorRequest) -> None:
        """Keep the text of a valid request; the oldest makes room for it."""
        if len(head) > MAX_HEAD_BYTES:
            return
        if len(self._known) >= MAX_HEADS:
            oldest = next(iter(self._known))
            del self._known[oldest]
        shape = request.tensor.shape
        no_items = request.tensor[:0].copy()
        without_tensor = request.with_tensor(no_items)
        known = KnownHead(without_tensor, shape)
        self._known[request.spec.name, head] = known
