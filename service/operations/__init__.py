"""Operations on images and latents, independent of HTTP.

Each file has one operation: its request, its response, examples and an async function.
"""

from service.operations.arithmetic import arithmetic
from service.operations.base import Operation
from service.operations.decode import decode
from service.operations.encode import encode
from service.operations.generate import generate
from service.operations.inspect import inspect_images
from service.operations.interpolate import interpolate
from service.operations.reconstruct import reconstruct
from service.operations.score import score_images
from service.operations.traverse import traverse

OPERATIONS: dict[str, Operation] = {
    "/reconstruct": reconstruct,
    "/encode": encode,
    "/decode": decode,
    "/interpolate": interpolate,
    "/generate": generate,
    "/arithmetic": arithmetic,
    "/traverse": traverse,
    "/score": score_images,
    "/inspect": inspect_images,
}
