"""python -m fuzz.image_reader: coverage-guided fuzzing of the image codec."""

import sys
import warnings
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["service.imaging", "PIL"]):
    from PIL import Image

    Image.preinit()  # imports the formats, which Pillow does at the first image

from fuzz.case import Records, check, decode_text
from fuzz.file_mutator import mutate_file
from fuzz.png_mutator import mutate_text

FINDINGS = Path("build/fuzz")
MAX_TEXT = 256 * 1024  # bytes; a decompression bomb of 128 MiB fits into less
OPTIONS = (
    f"-max_len={MAX_TEXT}",
    f"-artifact_prefix={FINDINGS}/",
    "-print_final_stats=1",
)


def main() -> None:
    """Fuzz with libFuzzer's options.

    They are for instance -max_total_time=60, or the file of a finding to repeat it.
    """
    records = Records()
    warnings.simplefilter("error")  # a log line that any client can cause
    FINDINGS.mkdir(parents=True, exist_ok=True)

    def decode(content: bytes) -> None:
        check(decode_text, content.decode("latin-1"), records)

    def mutate(text: bytes, limit: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311 - libFuzzer's seed repeats it
        mutator = random.choice((mutate_text, mutate_file))
        return mutator(text, limit, random, atheris.Mutate)

    arguments = sys.argv + list(OPTIONS)
    atheris.Setup(arguments, decode, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
