"""The OpenAPI schema and the documentation page."""
