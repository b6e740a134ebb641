# Pin the base by digest for repeatable builds:
# --build-arg PYTHON_IMAGE=python:3.13-slim@sha256:...
ARG PYTHON_IMAGE=python:3.13-slim

# The service only runs graphs. What ONNX Runtime brings to convert and quantize models
# is removed, and its C library, which nothing loads: the Python module contains its own
# copy. That is 37 of its 69 MB.
FROM ${PYTHON_IMAGE} AS packages
COPY requirements.lock /
RUN python -m venv --without-pip /venv \
    && pip --python /venv install --no-cache-dir --require-hashes --requirement /requirements.lock \
    && find /venv/lib/python*/site-packages/onnxruntime \
        \( -name quantization -o -name tools -o -name transformers -o -name 'libonnxruntime.so.*' \) \
        -prune -exec rm -rf {} + \
    && find /venv -type d -name tests -prune -exec rm -rf {} +

# docker build --target training: trains and exports models; contains PyTorch.
FROM ${PYTHON_IMAGE} AS training
ENV PYTHONUNBUFFERED=1
WORKDIR /app
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY service service
COPY training training
COPY models models
# The lock comes first, as in the Makefile. PyTorch and the other packages that only
# training needs are the newest that pyproject.toml allows.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock \
    && /venv/bin/pip install --no-cache-dir --editable '.[training]'
ENV PATH=/venv/bin:$PATH HOME=/tmp
USER 10001:10001
ENTRYPOINT ["python", "-m", "training"]

# The default target: serves the model over HTTP.
FROM ${PYTHON_IMAGE} AS service
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    VAE_HOST=0.0.0.0 \
    VAE_PORT=8000
WORKDIR /app
# Nothing is installed at run time, so the base's own pip is removed.
RUN find /usr \( -name 'pip' -o -name 'pip[0-9]*' -o -name 'pip-*' -o -name ensurepip \) -prune -exec rm -rf {} +
COPY --from=packages /venv /venv
COPY service service
COPY models models
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python", "-m", "service.healthcheck"]
ENTRYPOINT ["python", "-m", "service"]
