"""Routes of the operations."""

from service.api.route import OperationRoute
from service.api.state import AppState
from service.operations import OPERATIONS

TAG = "Operations"


def operation_routes(state: AppState) -> list[OperationRoute]:
    """Return a POST route for each operation.

    The summary is the first line of the operation's docstring.
    """
    return [
        OperationRoute(
            path, operation, state, operation_id=path.removeprefix("/"), tags=[TAG]
        )
        for path, operation in OPERATIONS.items()
    ]
