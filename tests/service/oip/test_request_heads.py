"""Requests with binary tensors whose JSON was seen before."""

from typing import Any

import numpy as np
import pytest

from service.oip.request_heads import MAX_HEAD_BYTES, MAX_HEADS, RequestHeads
from service.oip.schemas import InferRequest
from service.oip.specs import ModelSpec, model_spec
from service.oip.tensor_request import TensorRequest
from tests.service.conftest import Client, Json
from tests.service.oip.protocol import (
    BLACK,
    binary_pixels,
    check_invalid,
    infer_bytes,
    tensors_of,
)
from tests.service.operations.conftest import LIMITS

WHITE = np.ones_like(BLACK)


@pytest.fixture
def encoder() -> ModelSpec:
    """Spec of the fake model's encoder."""
    return model_spec("encoder", LIMITS, prefix="")


def encode(value: float) -> tuple[Json, bytes]:
    """Return a request for an image of one level."""
    return binary_pixels(np.full_like(BLACK, value))


def known(spec: ModelSpec, head: bytes) -> RequestHeads:
    """Return heads of which this one has been added, of a white image."""
    body, _ = encode(1)
    body["inputs"][0] |= {"parameters": None, "data": WHITE.ravel().tolist()}
    validated = InferRequest.model_validate(body, context=spec)
    heads = RequestHeads()
    heads.add(head, TensorRequest.of(validated, spec))
    return heads


def view(pixels: Any) -> memoryview:
    """Return pixels as the bytes of a body."""
    return memoryview(np.asarray(pixels, "<f4").tobytes())


def test_the_same_head_gets_each_tensor_of_its_own(client: Client) -> None:
    """The response is that of a first request, whichever came before."""
    levels = [0.0, 0.25, 1.0]
    first_responses = [tensors_of(infer_bytes(client, *encode(x))) for x in levels]
    again = [tensors_of(infer_bytes(client, *encode(x))) for x in levels]

    for first, second in zip(first_responses, again, strict=True):
        assert first.keys() == second.keys()
        for name, values in first.items():
            assert np.array_equal(values, second[name])
    assert not np.array_equal(again[0]["mean"], again[2]["mean"])


@pytest.mark.parametrize("level", [-0.1, 1.1, np.nan])
def test_a_bad_tensor_after_a_known_head_is_rejected(
    client: Client, level: float
) -> None:
    """With the problem of a first request."""
    infer_bytes(client, *encode(0))

    response = infer_bytes(client, *encode(level))

    check_invalid(response, "must have numbers from 0 to 1")


def test_bytes_of_another_size_are_not_read(encoder: ModelSpec) -> None:
    """The whole request is then validated, which says what is wrong."""
    heads = known(encoder, b"head")

    assert heads.request(b"head", view(WHITE), encoder) is not None
    assert heads.request(b"head", view([1.0]), encoder) is None
    assert heads.request(b"other", view(WHITE), encoder) is None


def test_a_head_is_known_for_its_model_only(encoder: ModelSpec) -> None:
    """A reload may change what is valid."""
    heads = known(encoder, b"head")
    reloaded = ModelSpec(
        **{name: getattr(encoder, name) for name in encoder.__dataclass_fields__}
    )

    assert heads.request(b"head", view(WHITE), reloaded) is None


def test_few_and_short_heads_are_kept(encoder: ModelSpec) -> None:
    """A client cannot fill the memory, nor can it keep the tensors of others."""
    long = b"x" * (MAX_HEAD_BYTES + 1)
    heads = known(encoder, long)
    assert heads.request(long, view(WHITE), encoder) is None

    heads = known(encoder, b"first")
    request = heads.request(b"first", view(WHITE), encoder)
    assert request is not None
    for number in range(MAX_HEADS):
        heads.add(b"%d" % number, request)
    assert heads.request(b"first", view(WHITE), encoder) is None
    assert heads.request(b"0", view(WHITE), encoder) is not None
