"""HTTP: routes, request bodies, responses, problems, authentication."""
