"""Routes of the operations."""

from service.api.route import OperationRoute
from service.api.state import AppState
from service.operations import OPERATIONS

TAG = "Operations"


def operation_routes(state: AppState) -> list[OperationRoute]:
    """Return a POST route for each operation.

    The first sentence of an operation's docstring is its summary.
    """
    return [
        OperationRoute(
            path, operation, state, operation_id=path.removeprefix("/"), tags=[TAG]
        )
        for path, operation in OPERATIONS.items()
    ]
