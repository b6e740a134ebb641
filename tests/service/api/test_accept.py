"""Which of the offered types a client is given, by RFC 9110, 12.5.1."""

import pytest

from service.api.responses import preferred_type

OFFERS = (b"application/json", b"image/png", b"image/gif")


@pytest.mark.parametrize(
    ("accept", "preferred"),
    [
        (b"*/*", b"application/json"),
        (b"image/*", b"image/png"),
        (b"image/gif", b"image/gif"),
        (b"IMAGE/GIF ; Q=0.1", b"image/gif"),
        (b"image/png, application/json", b"application/json"),
        (b"image/png, */*;q=0.5", b"image/png"),
        (b"*/*;q=0.5, image/png", b"image/png"),
        (b"application/json;q=0.2, image/*;q=0.8, image/png;q=0.1", b"image/gif"),
        (b"image/*, application/json;q=0.999", b"image/png"),
        (b"*/*, application/json;q=0", b"image/png"),
        (b"image/png;q=0.0, image/*;q=0.000", None),
        (b"text/html, application/json; charset=utf-8;\tq=0.3", b"application/json"),
        (b"image/png;q=high, application/json;q=0.5", b"image/png"),
        (b"image/png;q=-1, application/json;q=2", b"application/json"),
        (b"application/xml", None),
        (b"*/*;q=0", None),
        (b"", None),
        (b";;,/,*,q=1", None),
    ],
)
def test_the_greatest_weight_wins(accept: bytes, preferred: bytes | None) -> None:
    """The narrowest range tells a type's weight; of equals the first is given; what is no weight counts as 1."""
    assert preferred_type(accept, OFFERS) == preferred


BROWSER = (
    b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    b"image/gif,image/png,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
)


@pytest.mark.parametrize(
    "accept",
    [
        BROWSER,
        b"text/html, image/gif, image/jpeg, */*; q=0.2",  # Java's HttpURLConnection
        b"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",  # before Java 18
        b"application/json, text/plain, */*",  # axios
        b"text/html, image/gif;q=0.9, */*;q=0.1",
        b"image/gif, application/*",
    ],
)
def test_images_among_other_types_do_not_ask_for_an_image(accept: bytes) -> None:
    """Clients that name them by default get JSON."""
    assert preferred_type(accept, OFFERS) == b"application/json"


@pytest.mark.parametrize(
    ("accept", "preferred"),
    [
        (b"image/gif, text/html;q=0.9, */*;q=0.1", b"image/gif"),
        (b"image/avif,image/webp,image/apng,image/*,*/*;q=0.8", b"image/png"),
        (b"image/gif, */*", b"application/json"),
        (b"text/html, image/gif", b"image/gif"),
        (b"image/gif;q=.5, application/json;q=.4", b"image/gif"),
        (b"image/gif;q=., application/json;q=.4", b"image/gif"),
    ],
)
def test_an_image_that_is_preferred_to_all_else_is_given(
    accept: bytes, preferred: bytes
) -> None:
    """The same if JSON is not acceptable. A weight may lack its zero."""
    assert preferred_type(accept, OFFERS) == preferred
