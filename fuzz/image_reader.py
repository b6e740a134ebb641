"""python -m fuzz.image_reader: texts for the image reader, led on by the lines that they reach."""

import sys
import warnings
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["service.imaging", "PIL"]):
    from PIL import Image

    Image.preinit()  # imports the formats, which Pillow does at the first picture

from fuzz.case import Records, check, read_fitted
from fuzz.file_mutator import mutate_file
from fuzz.png_mutator import mutate_text

FINDINGS = Path("build/fuzz")
MAX_TEXT = 256 * 1024  # a bomb of 128 MiB fits into less
OPTIONS = (
    f"-max_len={MAX_TEXT}",
    f"-artifact_prefix={FINDINGS}/",
    "-print_final_stats=1",
)


def main() -> None:
    """Fuzz as libFuzzer's options say: -max_total_time=60, or the file of a finding, to read it again."""
    records = Records()
    warnings.simplefilter("error")  # a log line that any client can cause
    FINDINGS.mkdir(parents=True, exist_ok=True)

    def read(content: bytes) -> None:
        check(read_fitted, content.decode("latin-1"), records)

    def mutate(text: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311 - libFuzzer's seed repeats it
        return random.choice((mutate_text, mutate_file))(
            text, most, random, atheris.Mutate
        )

    atheris.Setup([*sys.argv, *OPTIONS], read, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
