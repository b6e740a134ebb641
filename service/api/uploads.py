"""Requests without JSON: an image or a form as the body, options in a query."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from service.api.errors import MAX_CHARACTERS, unreadable_body
from service.operations.base import MAX_FIELDS, Request

FORM = b"multipart/form-data"
IMAGE_TYPES = (b"image/png", b"image/jpeg", b"image/webp", b"image/bmp", b"image/gif")
UPLOAD_TYPES = (*IMAGE_TYPES, FORM)
# Other types that clients send with an image; its first bytes say what it is.
IMAGE_ALIASES = frozenset(
    {
        b"application/octet-stream",
        b"image/apng",
        b"image/jpg",
        b"image/pjpeg",
        b"image/x-bmp",
        b"image/x-ms-bmp",
        b"image/x-png",
    }
)
IMAGES = "images"  # field of images; all other fields are options
IMAGES_NAME = re.compile(r"images(\[[0-9]*\])?")  # in a form, as PHP and axios write it
TRUE, FALSE = {"true", "1", "on", "yes"}, {"false", "0", "off", "no"}
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,30})?(e[+-]?[0-9]{1,3})?", re.IGNORECASE)

ReadOption = Callable[[str], object]


def read_boolean(value: str) -> object:
    """Return a boolean in any of its spellings; other text is left to validation."""
    lower = value.lower()
    if lower in TRUE:
        return True
    return False if lower in FALSE else value


def read_value(value: str) -> object:
    """Return a number or text."""
    if WHOLE_NUMBER.fullmatch(value):
        return int(value)
    return float(value) if DECIMAL.fullmatch(value) else value


def options_of(schema: type[Request]) -> dict[str, ReadOption]:
    """Return the fields that a query or a form may have besides images.

    Each has the function that reads its text.
    """
    return {
        name: read_boolean if field.annotation is bool else read_value
        for name, field in schema.model_fields.items()
        if name != IMAGES
    }


def read_query(query: bytes, options: Mapping[str, ReadOption]) -> dict[str, object]:
    """Return the options in a query; others, and those without a value, are ignored.

    Raises ProblemError for an option that is given twice.
    """
    fields: dict[str, object] = {}
    for name, value in parse_qsl(query.decode("latin-1")):
        if name in fields:
            raise unreadable_body(f"the query has {name} twice")
        if name in options:
            fields[name] = options[name](value)
    return fields


def read_upload(
    content: bytes,
    content_type: bytes,
    max_items: int,
    options: Mapping[str, ReadOption],
) -> dict[str, object]:
    """Read an image or a form as a request's fields. Raises ProblemError.

    The content type of an image is ignored: its first bytes say its format.
    """
    media_type, parameters = parse_options_header(content_type)
    if media_type != FORM:
        return {IMAGES: [content]}
    boundary = parameters.get(b"boundary")
    if not boundary:
        raise unreadable_body("a form whose Content-Type has no boundary")
    return Form(max_items, options).read(content, boundary)


class Form:
    """Reads the images and the options of a form (RFC 7578)."""

    def __init__(self, max_items: int, options: Mapping[str, ReadOption]) -> None:
        self._max_parts = max_items + MAX_FIELDS
        self._options = options
        self._parts = 0
        self._images: list[str | bytes] = []
        self._fields: dict[str, object] = {}
        self._ended = False

    def read(self, content: bytes, boundary: bytes) -> dict[str, object]:
        """Return the fields of a request. Raises ProblemError."""
        in_memory = {"MAX_MEMORY_FILE_SIZE": len(content)}
        try:
            parser = FormParser(
                FORM.decode(),
                self._add_part,
                self._add_file,
                self._end,
                boundary,
                config=in_memory,
            )
            parser.write(content)
        except FormParserError as error:
            raise unreadable_body(f"not a form: {error}") from error
        if not self._ended:
            raise unreadable_body("not a form: it has no end")
        if self._images:
            self._fields[IMAGES] = self._images
        return self._fields

    def _add_file(self, file: File) -> None:
        """Add an image, whatever the name of its field.

        A browser sends an empty file without a name if none was chosen.
        """
        self._count_part()
        if file.file_name or file.size:
            file.file_object.seek(0)  # in memory, by the parser's configuration
            self._images.append(file.file_object.read())

    def _add_part(self, part: Field) -> None:
        """Add an image or an option of a part without a file name."""
        self._count_part()
        if not part.value:
            return
        name = (part.field_name or b"").decode("utf-8", "replace")
        text = text_of(part.value)
        if text is None:
            self._images.append(part.value)
        elif IMAGES_NAME.fullmatch(name):
            self._images.append(text)
        elif name in self._fields:
            raise FormParserError(f"it has {name[:MAX_CHARACTERS]} twice")
        else:
            read = self._options.get(name, read_value)
            self._fields[name] = read(text)

    def _count_part(self) -> None:
        self._parts += 1
        if self._parts > self._max_parts:
            raise FormParserError(
                f"it has more than {self._max_parts} parts (VAE_MAX_ITEMS + "
                f"{MAX_FIELDS})"
            )

    def _end(self) -> None:
        self._ended = True


def text_of(value: bytes) -> str | None:
    """Return a form's value as text, or None for the bytes of a file.

    Every file of a known format has a zero byte or is not UTF-8.
    """
    if b"\0" in value:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
