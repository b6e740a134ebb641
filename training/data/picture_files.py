"""The picture files of a folder and of the folders in it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from training.console import printable
from training.data.errors import DataError

# Pillow's names of the formats that are read. Others run a program (EPS), are no
# pictures (HDF5), or are read on one system only (WMF).
FORMATS = (
    "PNG",
    "JPEG",
    "WEBP",
    "BMP",
    "GIF",
    "TIFF",
    "AVIF",
    "DDS",
    "DIB",
    "ICO",
    "JPEG2000",
    "PCX",
    "PPM",
    "PSD",
    "QOI",
    "SGI",
    "TGA",
)
# Left by operating systems and archives, besides hidden files.
CLUTTER = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass(slots=True)
class PictureFiles:
    """Files found under a folder; names are relative to it, with slashes.

    Attributes:
        folder: Folder that was searched.
        names: Names of the pictures, sorted.
        others: Names of files that are no pictures.
        links: Names of symbolic links that are not followed: they lead out of the
            folder, to another folder or nowhere.
    """

    folder: Path
    names: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


def find_pictures(folder: Path) -> PictureFiles:
    """Find the pictures in a folder by the ends of their names.

    Hidden files and those of operating systems are left out. Raises DataError, naming
    the folder, if it cannot be searched or has no pictures.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder")
    endings = picture_endings()
    root = folder.resolve()
    found = PictureFiles(folder)
    for entry in walk(folder):
        name = Path(entry.path).relative_to(folder).as_posix()
        if entry.is_symlink() and not leads_within(entry, root):
            found.links.append(name)
        elif not entry.is_file() or not is_picture(entry.name, endings):
            found.others.append(name)
        else:
            found.names.append(name)
    if not found.names:
        raise no_pictures(found)
    found.names.sort(key=os.fsencode)
    return found


def has_pictures(folder: Path) -> bool:
    """Return whether there is a picture in a folder, by the ends of names.

    Raises DataError for a folder that cannot be searched.
    """
    endings = picture_endings()
    return any(is_picture(entry.name, endings) for entry in walk(folder))


def picture_endings() -> frozenset[str]:
    """Return the ends of picture files' names, such as ``.png``."""
    by_ending = Image.registered_extensions()
    return frozenset(end for end, name in by_ending.items() if name in FORMATS)


def walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield everything under a folder but folders and clutter.

    Symbolic links to folders are yielded, not followed. Raises DataError for a folder
    that cannot be read.
    """
    folders = [str(folder)]
    while folders:
        path = folders.pop()
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if is_clutter(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        yield entry
        except OSError as error:
            raise DataError(f"{printable(path)}: {error.strerror}") from error


def is_clutter(name: str) -> bool:
    """Return whether a file or folder is hidden or an operating system's."""
    return name.startswith(".") or name.lower() in CLUTTER


def is_picture(name: str, endings: frozenset[str]) -> bool:
    """Return whether a file's name ends as a picture's."""
    _, ending = os.path.splitext(name)  # noqa: PTH122 - Path costs as much as the walk
    return ending.lower() in endings


def leads_within(link: os.DirEntry[str], root: Path) -> bool:
    """Return whether a symbolic link leads to a file in the resolved folder."""
    try:
        target = Path(link.path).resolve(strict=True)
    except (OSError, RuntimeError):  # leads nowhere, or to itself
        return False
    return target.is_file() and target.is_relative_to(root)


def no_pictures(found: PictureFiles) -> DataError:
    """Return the error for a folder without pictures, with what is there instead."""
    reasons = []
    if found.others:
        reasons.append(f"{len(found.others)} other files")
    if found.links:
        reasons.append(f"{len(found.links)} symbolic links that lead out of it")
    there = " and ".join(reasons) or "no files at all"
    return DataError(f"{found.folder} has no pictures, but {there}")
