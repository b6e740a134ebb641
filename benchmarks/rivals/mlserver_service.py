"""MLServer: python -m benchmarks.rivals.mlserver_service PORT."""

import asyncio
import sys

from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.handlers import custom_handler
from pydantic import BaseModel

from benchmarks import textbook_model


class Images(BaseModel):
    """The body of request and response."""

    images: list[str]


class Textbook(MLModel):
    """A model with a REST path of its own."""

    async def load(self) -> bool:
        """Load nothing: the textbook's sessions are module globals."""
        return True

    @custom_handler(rest_path="/reconstruct")
    async def reconstruct(self, body: Images) -> Images:
        """Reconstruct images."""
        return Images(images=textbook_model.reconstruct(body.images))


async def serve(port: int) -> None:
    """Serve in this process."""
    settings = Settings(
        host="127.0.0.1",
        http_port=port,
        grpc_port=0,
        metrics_port=0,
        parallel_workers=0,
    )
    server = MLServer(settings)
    await server.start([ModelSettings(name="textbook", implementation=Textbook)])


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
