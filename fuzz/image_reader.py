"""python -m fuzz.image_reader: fuzz the image reader, guided by code coverage."""

import sys
import warnings
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["service.imaging", "PIL"]):
    from PIL import Image

    Image.preinit()  # imports the formats, which Pillow does at the first image

from fuzz.case import Records, check, read_fitted
from fuzz.file_mutator import mutate_file
from fuzz.png_mutator import mutate_text

FINDINGS = Path("build/fuzz")
MAX_TEXT = 256 * 1024  # bytes; a decompression bomb of 128 MiB fits into less
MUTATORS = (mutate_text, mutate_file)
OPTIONS = (
    f"-max_len={MAX_TEXT}",
    f"-artifact_prefix={FINDINGS}/",
    "-print_final_stats=1",
)


def main() -> None:
    """Fuzz by libFuzzer's options, such as -max_total_time=60.

    With the file of a finding as an argument, read that file once.
    """
    records = Records()
    # A warning is a failure: any client could flood the log with it.
    warnings.simplefilter("error")
    FINDINGS.mkdir(parents=True, exist_ok=True)

    def read(content: bytes) -> None:
        text = content.decode("latin-1")
        check(read_fitted, text, records)

    def mutate(
        text: bytes,
        limit: int,
        seed: int,
    ) -> bytes:
        random = Random(seed)  # noqa: S311 - libFuzzer's seed repeats it
        mutator = random.choice(MUTATORS)
        return mutator(text, limit, random, atheris.Mutate)

    atheris.Setup([*sys.argv, *OPTIONS], read, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
