"""Serving frameworks around the textbook's work, each as its documentation advises; each has an environment of its own.

MLServer: https://mlserver.readthedocs.io/en/stable/user-guide/custom.html (custom handlers)
LitServe: https://lightning.ai/docs/litserve/api-reference/litapi
BentoML: https://docs.bentoml.com/en/latest/build-with-bentoml/services.html
"""
