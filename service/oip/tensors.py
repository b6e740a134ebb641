"""Tensors of the protocol: float32 numbers in JSON, or as bytes after it."""

from collections.abc import Sequence
from itertools import chain
from math import prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from service.model.autoencoder import Floats
from service.oip.specs import ModelSpec, TensorSpec
from service.operations.fields import all_digits

FLOAT32 = np.dtype("<f4")
MAX_CHARACTERS = 100  # of a client's value in a message


def spec_of(info: ValidationInfo) -> ModelSpec:
    """Return the spec of the model that a request is for."""
    return cast("ModelSpec", info.context)


def has_images(spec: ModelSpec) -> bool:
    """Return whether a model has an output with a number for each pixel."""
    return any(len(tensor.shape) > 1 for tensor in spec.outputs)


def check_input_name(name: str, info: ValidationInfo) -> str:
    """Reject a name that is not the model's input."""
    return check_name(name, [spec_of(info).input])


def check_output_name(name: str, info: ValidationInfo) -> str:
    """Reject a name that is none of the model's outputs."""
    return check_name(name, spec_of(info).outputs)


def check_name(name: str, tensors: Sequence[TensorSpec]) -> str:
    """Reject a name that no tensor has."""
    names = [tensor.name for tensor in tensors]
    if name not in names:
        raise PydanticCustomError(
            "tensor",
            "must be {names}; is {name}",
            {"names": " or ".join(names), "name": name[:MAX_CHARACTERS]},
        )
    return name


def check_shape(shape: list[int], info: ValidationInfo) -> list[int]:
    """Reject a shape that is not the model's, or has too many items."""
    spec = spec_of(info)
    sizes = list(spec.input.shape)
    if shape[1:] != sizes or not 1 <= shape[0] <= spec.max_items:
        first_sizes = str(shape[:8])
        raise PydanticCustomError(
            "shape",
            "must be [1 to {limit} (VAE_MAX_ITEMS), {sizes}]; is {shape}",
            {
                "limit": spec.max_items,
                "sizes": ", ".join(map(str, sizes)),
                "shape": first_sizes[:MAX_CHARACTERS],
            },
        )
    return shape


def read_tensor(value: object, info: ValidationInfo) -> Floats:
    """Read an input's numbers as float32 of the shape that the input names."""
    shape = info.data.get("shape")
    if shape is None:  # rejected already
        return np.empty(0, dtype=np.float32)
    numbers = read_values(value, shape)
    check_range(numbers, spec_of(info))
    floats = numbers.astype(np.float32, copy=False)
    return floats.reshape(shape)


def read_values(value: object, shape: list[int]) -> NDArray[np.floating[Any]]:
    """Read numbers, (size,), from the bytes after the JSON or from the JSON."""
    if isinstance(value, memoryview):
        return read_bytes(value, shape)
    return read_numbers(value, shape)


def read_bytes(value: memoryview, shape: list[int]) -> NDArray[np.float32]:
    """Read little-endian float32 numbers, (size,)."""
    size = FLOAT32.itemsize * prod(shape)
    if len(value) != size:
        raise PydanticCustomError(
            "tensor",
            "must have {size} bytes; has {count}",
            {"size": size, "count": len(value)},
        )
    return view_numbers(value)


def view_numbers(value: memoryview) -> NDArray[np.float32]:
    """Return little-endian float32 numbers in bytes, (size,), not a copy."""
    return np.frombuffer(value, dtype=FLOAT32)


def read_numbers(value: object, shape: list[int]) -> NDArray[np.float64]:
    """Read numbers of JSON, (size,), from one list or nested as the shape says."""
    numbers = value if isinstance(value, list) else []
    if numbers and isinstance(numbers[0], list):
        for length in shape[1:]:
            if not all(isinstance(row, list) and len(row) == length for row in numbers):
                numbers = []
            numbers = list(chain.from_iterable(numbers))
    size = prod(shape)
    if len(numbers) != size or not set(map(type, numbers)) <= {int, float}:
        raise PydanticCustomError(
            "tensor",
            "must have {size} numbers, in one list or nested as the shape says",
            {"size": size},
        )
    try:
        return np.array(numbers, dtype=np.float64)
    except OverflowError:  # an integer of hundreds of digits
        return np.array([np.inf])


def is_in_range(numbers: NDArray[np.floating[Any]], spec: ModelSpec) -> bool:
    """Return whether all numbers, (size,), are in bounds; NaN is not."""
    lowest = np.minimum.reduce(numbers)  # half the time of ``min``, for few numbers
    highest = np.maximum.reduce(numbers)
    return bool(spec.low <= lowest and highest <= spec.high)


def check_range(numbers: NDArray[np.floating[Any]], spec: ModelSpec) -> None:
    """Reject numbers out of bounds, and NaN."""
    if is_in_range(numbers, spec):
        return
    lowest = numbers.min()
    highest = numbers.max()
    worst = lowest if lowest < spec.low else highest
    raise PydanticCustomError(
        "range",
        "must have numbers from {low} to {high}{setting}; has {worst}",
        {
            "low": all_digits(spec.low),
            "high": all_digits(spec.high),
            "setting": spec.setting,
            "worst": str(worst),
        },
    )
