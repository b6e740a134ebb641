"""The options that decide how a folder of pictures is read."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from PIL import ImageColor
from typer import Option

from training.data.errors import DataError

Color = Literal["auto", "grey", "rgb"]
FitChoice = Literal["auto", "stretch", "pad", "crop"]

MIN_SIZE = 28
MAX_SIZE = 128

folder_flag = partial(Option, rich_help_panel="Folder of pictures")


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """The way a folder is read; without options, its pictures decide.

    Each field is a flag of the command line, with the help text given here.
    """

    size: Annotated[
        int | None,
        folder_flag(
            min=MIN_SIZE,
            max=MAX_SIZE,
            help="Height and width of the images.",
            show_default="by the median side: 28, 32, 48, 64, 96 or 128",
        ),
    ] = None
    color: Annotated[
        Color,
        folder_flag(help="Channels of the images; auto: grey if all pictures are."),
    ] = "auto"
    fit: Annotated[
        FitChoice,
        folder_flag(
            help="Way to a square image; auto: stretch if the pictures have one "
            "aspect ratio, otherwise pad."
        ),
    ] = "auto"
    background: Annotated[
        str | None,
        folder_flag(
            metavar="COLOR",
            help="Colour around padded and under transparent pictures, as in CSS.",
            show_default="the pictures' borders",
        ),
    ] = None
    group: Annotated[
        str | None,
        folder_flag(
            metavar="REGEX",
            help="Part of the file's path (its first group) that names a lot, a date "
            "or the like; pictures of one stay in one split.",
        ),
    ] = None
    normal: Annotated[
        str | None,
        folder_flag(
            metavar="CLASS",
            help="Class without defects: training sees no other.",
            show_default='"good" in MVTec\'s layout',
        ),
    ] = None
    title: Annotated[
        str | None,
        folder_flag(help="Title of the model.", show_default="the folder's name"),
    ] = None
    licence: Annotated[
        str | None, folder_flag(help="Licence of the pictures, for the model card.")
    ] = None
    skip_broken: Annotated[
        bool,
        folder_flag(
            help="Leave out pictures that cannot be read; the card lists them."
        ),
    ] = False

    def background_levels(self) -> tuple[int, int, int] | None:
        """Return the background's levels of red, green and blue, if one is asked for.

        Raises DataError for a colour that is none.
        """
        if self.background is None:
            return None
        try:
            red, green, blue, *_ = ImageColor.getrgb(self.background)
        except ValueError as error:
            raise DataError(f"--background {self.background} is no colour") from error
        return red, green, blue
