"""A request of the protocol, read from JSON and bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from service.model.autoencoder import Floats
from service.oip.schemas import InferRequest
from service.oip.specs import ModelSpec
from service.oip.tensors import has_images
from service.operations.base import Location
from service.operations.cost import ImageCost


@dataclass(frozen=True, slots=True, eq=False)
class TensorRequest:
    """A batch for one of the models.

    id: returned in the response.
    tensor: float32 (batch, ...), the model's input.
    is_binary: whether each output of the response is, by its name.
    """

    spec: ModelSpec
    id: str
    tensor: Floats
    is_binary: Mapping[str, bool]

    @classmethod
    def of(cls, request: InferRequest, spec: ModelSpec) -> Self:
        """Return a request that was validated for a model."""
        default = request.parameters.binary_data_output
        is_binary: dict[str, bool] = {}
        for output in request.outputs:
            binary = output.parameters.binary_data
            is_binary[output.name] = default if binary is None else binary
        if not is_binary:
            names = [tensor.name for tensor in spec.outputs]
            is_binary = dict.fromkeys(names, default)
        tensor = request.inputs[0].data
        return cls(spec, request.id, tensor, is_binary)

    def with_tensor(self, tensor: Floats) -> Self:
        """Return the same request for another tensor."""
        return type(self)(self.spec, self.id, tensor, self.is_binary)

    @property
    def image_count(self) -> int:
        """Number of items."""
        return len(self.tensor)

    def image_contents(self) -> Sequence[str | bytes]:
        """Return no images: the numbers are pixels already."""
        return ()

    def image_location(self, index: int) -> Location:
        """Raise: there are no images."""
        raise NotImplementedError

    def cost(self, image: ImageCost) -> float:
        """Return the processor time of the request, in milliseconds of one core."""
        cost = self.spec.cost(image)
        if has_images(self.spec) and not all(self.is_binary.values()):
            cost += image.numbers
        return self.image_count * cost
