"""Pictures without JSON around them: one as a whole body, or several in a form (multipart/form-data, RFC 7578)."""

import re
from collections.abc import Collection
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from service.api.errors import not_read
from service.api.schemas import Request

FORM = b"multipart/form-data"
PICTURES = (b"image/png", b"image/jpeg", b"image/webp", b"image/bmp", b"image/gif")
UPLOADS = (*PICTURES, FORM)
IMAGES = "images"  # the field that files are read into; all others are options, in a query or a form
BOOLEANS = {"true": True, "false": False}
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


def option_names(schema: type[Request]) -> list[str]:
    """The fields that a query or a form may have beside files."""
    return [name for name in schema.model_fields if name != IMAGES]


def read_upload(
    content: bytes, content_type: bytes, max_items: int, most_options: int
) -> dict[str, object]:
    """The request that a picture or a form means. Raises RefusedError.

    A picture is what its first bytes say, whichever of the types it was sent as.
    """
    media_type, parameters = parse_options_header(content_type)
    if media_type != FORM:
        return {IMAGES: [content]}
    boundary = parameters.get(b"boundary")
    if not boundary:
        raise not_read("a form whose Content-Type has no boundary")
    return read_form(content, boundary, max_items, most_options)


def read_form(
    content: bytes, boundary: bytes, max_items: int, most_options: int
) -> dict[str, object]:
    """The files of a form, whatever their names, and its options. Raises RefusedError."""
    images: list[bytes] = []
    options: dict[str, object] = {}
    ended: list[bool] = []

    def add_file(file: File) -> None:
        if len(images) > max_items:
            raise FormParserError(f"it has more than {max_items} files (VAE_MAX_ITEMS)")
        file.file_object.seek(0)  # in memory, by the size below
        images.append(file.file_object.read())

    def add_option(field: Field) -> None:
        name = (field.field_name or b"").decode("utf-8", "replace")
        if name in options:
            raise FormParserError(f"it has {name[:100]} twice")
        if len(options) > most_options:
            raise FormParserError("it has more fields than there are")
        options.update(option(name, text_of(field)))

    in_memory = {"MAX_MEMORY_FILE_SIZE": len(content)}
    try:
        parser = FormParser(
            FORM.decode(),
            add_option,
            add_file,
            lambda: ended.append(True),
            boundary,
            config=in_memory,
        )
        parser.write(content)
    except FormParserError as error:
        raise not_read(f"not a form: {error}") from error
    if not ended:
        raise not_read("not a form: it has no end")
    return {IMAGES: images, **options}


def text_of(field: Field) -> str:
    """A field's value."""
    return (field.value or b"").decode("utf-8", "replace")


def options_of(query: bytes, names: Collection[str]) -> dict[str, object]:
    """The options in a query, of these names; what else is in it does not matter. Raises RefusedError."""
    given: dict[str, object] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in given:
            raise not_read(f"the query has {name} twice")
        if name in names:
            given.update(option(name, value))
    return given


def option(name: str, value: str) -> dict[str, object]:
    """An option as it is in JSON: true and false, a whole number, or a word."""
    return {
        name: int(value)
        if WHOLE_NUMBER.fullmatch(value)
        else BOOLEANS.get(value, value)
    }
