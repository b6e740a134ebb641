"""What is taken in is bounded, small requests take turns, and work for clients that have gone is not done."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Message, Receive

from service.api.admission import (
    FEW,
    LARGE,
    MAX_BODIES,
    ROUND_IMAGES,
    ROUND_REQUESTS,
    Admission,
    has_gone,
)
from service.api.errors import OVERLOADED, ProblemError
from service.app import create_app, create_state
from service.model.autoencoder import Floats, Pixels, Posterior
from service.observability.metrics import Metrics
from service.settings import Settings
from tests.samples import FIRST, FakeAutoencoder
from tests.service.conftest import Client


@pytest.fixture
def metrics() -> Metrics:
    """Counts of nothing."""
    return Metrics([], [])


@pytest.fixture
def admission(metrics: Metrics) -> Admission:
    """Takes in 20 images, and bodies of 1,600 bytes in all; has as many requests at hand as make rounds."""
    admission = Admission(max_pending_images=20, max_body_bytes=100, metrics=metrics)
    admission.turns.at_hand = range(FEW)
    return admission


def client(*, gone: bool) -> Receive:
    """What the server gives once a body is read: the news that the client has gone, or nothing yet."""

    async def receive() -> Message:
        if not gone:
            await asyncio.get_running_loop().create_future()
        return {"type": "http.disconnect"}

    return receive


def test_images_are_taken_in_up_to_the_limit(admission: Admission) -> None:
    """One more is refused, with the numbers, the setting and the time after which to come again."""
    admission.take_images(15)
    admission.take_images(5)
    with pytest.raises(
        ProblemError,
        match=r"20 images are waiting; 1 more would be over 20 \(VAE_MAX_PENDING",
    ) as error:
        admission.take_images(1)
    assert error.value.kind == OVERLOADED
    assert error.value.headers == {"Retry-After": "1"}

    admission.give_images(5)
    admission.take_images(1)


def test_one_request_is_always_taken_in(admission: Admission) -> None:
    """However large it is: or it could never be answered."""
    admission.take_images(200)
    with pytest.raises(ProblemError):
        admission.take_images(1)


def test_bytes_are_taken_in_up_to_the_limit(admission: Admission) -> None:
    """Of all bodies together."""
    admission.take_bytes(1600)
    with pytest.raises(ProblemError, match="16 times VAE_MAX_BODY_BYTES"):
        admission.take_bytes(1)
    admission.give_bytes(1600)
    admission.take_bytes(1)


def test_a_body_counts_until_it_is_answered(
    settings: Settings, autoencoder: FakeAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in memory while its request waits, in one piece or more; then there is room for all of them again."""
    state = create_state(settings)
    room = MAX_BODIES * settings.max_body_bytes
    encode = autoencoder.encode

    def watched(pixels: Pixels | Floats) -> Posterior:
        with pytest.raises(ProblemError, match="16 times VAE_MAX_BODY_BYTES"):
            state.admission.take_bytes(room)
        return encode(pixels)

    client = Client(create_app(settings, autoencoder, state))
    monkeypatch.setattr(autoencoder, "encode", watched)
    assert client.post("/encode", {"images": [FIRST]}).status_code == 200
    assert client.post("/encode", {"images": ["no image"]}).status_code == 422
    state.admission.take_bytes(room)


@pytest.mark.parametrize("gone", [False, True])
def test_a_client_that_has_gone_is_told_from_one_that_waits(gone: bool) -> None:  # noqa: FBT001 - a case
    """Without waiting for it."""

    async def ask() -> bool:
        return has_gone(client(gone=gone))

    assert asyncio.run(ask()) is gone


def gather(*works: Callable[[], Awaitable[object]]) -> list[object]:
    """Begin all at once; give what each came to."""

    async def run() -> list[object]:
        return await asyncio.gather(*(work() for work in works))

    return asyncio.run(run())


@pytest.mark.parametrize("images", [1, LARGE])
def test_the_work_of_a_client_that_has_gone_is_not_begun(
    admission: Admission, images: int
) -> None:
    """It had to wait, and when its turn came nobody wanted it any more."""
    done: list[str] = []

    def ask(name: str, count: int, *, gone: bool) -> Callable[[], Awaitable[object]]:
        return lambda: admission.compute(
            lambda: done.append(name), count, client(gone=gone)
        )

    first = [ask("first", LARGE if images == LARGE else ROUND_IMAGES, gone=False)]
    gather(*first, ask("gone", images, gone=True), ask("last", images, gone=False))

    assert "gone" not in done
    assert done[-1] == "last"


@pytest.mark.parametrize(
    ("images", "in_a_round"),
    [(1, ROUND_REQUESTS), (ROUND_IMAGES // 3, 3), (ROUND_IMAGES // 2 + 1, 1)],
)
def test_the_loop_looks_at_its_sockets_between_rounds(
    admission: Admission, images: int, in_a_round: int
) -> None:
    """What waits is done in order, a round's images and requests at a time, with other work of the loop between."""
    order: list[str] = []

    async def look() -> None:
        await asyncio.sleep(0)
        order.append("probe")

    def ask(name: str) -> Callable[[], Awaitable[object]]:
        return lambda: admission.compute(
            lambda: order.append(name), images, client(gone=False)
        )

    names = [str(number) for number in range(3 * in_a_round)]
    gather(*map(ask, names), look)

    assert [name for name in order if name != "probe"] == names
    assert order.index("probe") <= 2 * in_a_round


def test_a_round_takes_along_who_comes_a_moment_later(admission: Admission) -> None:
    """A client that was answered last is on its way back."""
    order: list[str] = []

    async def look() -> None:
        for _ in range(5):
            order.append("look")
            await asyncio.sleep(0)

    async def later() -> None:
        await asyncio.sleep(0)
        await admission.compute(lambda: order.append("second"), 1, client(gone=False))

    gather(
        lambda: admission.compute(lambda: order.append("first"), 1, client(gone=False)),
        later,
        look,
    )

    assert order.index("second") == order.index("first") + 1


@pytest.mark.parametrize(
    ("at_hand", "order"), [(FEW - 1, "work, look"), (FEW, "look, work")]
)
def test_work_waits_for_a_round_where_there_are_others_to_wait_for(
    admission: Admission, at_hand: int, order: str
) -> None:
    """With few requests at hand it is done as it comes."""
    done: list[str] = []
    admission.turns.at_hand = range(at_hand)

    async def look() -> None:
        done.append("look")

    gather(
        lambda: admission.compute(lambda: done.append("work"), 1, client(gone=False)),
        look,
    )

    assert ", ".join(done) == order


def test_large_work_is_done_one_at_a_time_beside_the_loop(admission: Admission) -> None:
    """Small work that comes later is done before it ends."""
    order: list[str] = []

    async def large() -> None:
        started, end = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def work() -> None:
            loop.call_soon_threadsafe(started.set)
            asyncio.run_coroutine_threadsafe(end.wait(), loop).result(30)
            order.append("large")

        computing = asyncio.create_task(
            admission.compute(work, LARGE, client(gone=False))
        )
        await started.wait()
        await admission.compute(lambda: order.append("small"), 1, client(gone=False))
        end.set()
        await computing

    asyncio.run(large())
    assert order == ["small", "large"]
