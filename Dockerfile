# The worker's and producer's image: no compiler, no shell needed, not root.
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.txt pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.txt
COPY core core
COPY features features
COPY model model
COPY producer producer
COPY stream stream
COPY stack stack
COPY cli cli
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim
RUN useradd --uid 10001 --create-home fraudstream && mkdir /data && chown fraudstream /data
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 NUMBA_CACHE_DIR=/tmp/numba
USER fraudstream
WORKDIR /data
ENTRYPOINT ["fraudstream"]
CMD ["worker"]
