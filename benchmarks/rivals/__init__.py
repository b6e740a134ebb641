"""Serving frameworks with the textbook's work, each used as its documentation advises.

Each framework has an environment of its own.

MLServer: https://mlserver.readthedocs.io/en/stable/user-guide/custom.html (custom handlers)
LitServe: https://lightning.ai/docs/litserve/api-reference/litapi
BentoML: https://docs.bentoml.com/en/latest/build-with-bentoml/services.html
"""
