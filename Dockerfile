# The base, to be pinned by digest where the build must repeat: --build-arg PYTHON_IMAGE=python:3.13-slim@sha256:...
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS packages
COPY requirements.lock /
RUN python -m venv --without-pip /venv \
    && pip --python /venv install --no-cache-dir --require-hashes --requirement /requirements.lock \
    && find /venv -type d -name tests -prune -exec rm -rf {} +

# docker build --target training: trains and exports; brings PyTorch
FROM ${PYTHON_IMAGE} AS training
ENV PYTHONUNBUFFERED=1
WORKDIR /app
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY service service
COPY training training
# The lock first, as in the Makefile; PyTorch and what else only training needs are as current as pyproject.toml allows.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock \
    && /venv/bin/pip install --no-cache-dir --editable '.[training]'
ENV PATH=/venv/bin:$PATH HOME=/tmp
USER 10001:10001
ENTRYPOINT ["python", "-m", "training"]

# the default: answers HTTP
FROM ${PYTHON_IMAGE} AS service
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    VAE_HOST=0.0.0.0 \
    VAE_PORT=8000
WORKDIR /app
# The base's own pip: what runs installs nothing.
RUN find /usr \( -name 'pip' -o -name 'pip[0-9]*' -o -name 'pip-*' -o -name ensurepip \) -prune -exec rm -rf {} +
COPY --from=packages /venv /venv
COPY service service
COPY models models
USER 10001:10001
EXPOSE 8000
# Not urllib.request, which would ask a proxy of the environment.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python", "-c", \
    "import http.client, os, sys; \
    probe = http.client.HTTPConnection('127.0.0.1', int(os.environ['VAE_PORT']), timeout=2); \
    probe.request('GET', '/readyz'); \
    sys.exit(probe.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "service"]
