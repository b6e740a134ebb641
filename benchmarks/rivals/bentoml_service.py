"""BentoML: bentoml serve benchmarks.rivals.bentoml_service:Textbook --port PORT."""

import bentoml

from benchmarks import textbook_model


@bentoml.service(workers=1)
class Textbook:
    """A service with one operation."""

    @bentoml.api(route="/reconstruct")
    def reconstruct(self, images: list[str]) -> dict[str, list[str]]:
        """Reconstruct images."""
        return {"images": textbook_model.reconstruct(images)}
