"""All that knows HTTP: routes, schemas, problem answers and the OpenAPI page."""
