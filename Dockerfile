# Two images from one file, neither with a compiler, with pip, or run by root:
#   worker  what scoring needs (the default): `fraudstream worker`, `replay`, `alerts`, `doctor` …
#   tools   the same and the extras for training, the local stack and the views: `fraudstream train`, `views`
# What takes decisions day and night holds forty packages less than what trains now and then. Each has
# its lock file; the worker's is resolved under the other one, so versions are the same in both.
FROM python:3.12.12-slim-trixie AS python
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

FROM python AS scoring
COPY requirements-worker.txt /src/
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv install --no-deps --require-hashes -r /src/requirements-worker.txt

FROM scoring AS package
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY core core
COPY features features
COPY model model
COPY producer producer
COPY stream stream
COPY views views
COPY stack stack
COPY cli cli
RUN pip --python /opt/venv install --no-deps --no-build-isolation . \
    && pip --python /opt/venv uninstall --yes setuptools

# What training adds to the packages that are there; setuptools, which only builds, goes again.
FROM package AS training
COPY requirements.txt ./
RUN pip --python /opt/venv install --no-deps --require-hashes -r requirements.txt \
    && pip --python /opt/venv uninstall --yes setuptools

FROM python AS runtime
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin fraudstream \
    && mkdir /data && chown fraudstream:fraudstream /data
# The only places that are written to: /data (a volume), and /tmp.
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp NUMBA_CACHE_DIR=/tmp/numba PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
ENTRYPOINT ["fraudstream"]

FROM runtime AS tools
# Whoever publishes port 8050 reaches the views, with the token that they then ask for.
ENV MPLCONFIGDIR=/tmp/matplotlib FRAUDSTREAM_VIEWS_HOST=0.0.0.0
EXPOSE 8050
COPY --from=training /opt/venv /opt/venv

FROM runtime AS worker
COPY --from=package /opt/venv /opt/venv
CMD ["worker"]
