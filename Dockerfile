# One image for every role; the command chooses the role.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
# The pinned versions change seldom, so their layer comes first and is kept.
COPY requirements.txt requirements-build.txt ./
RUN python -m venv /opt/dispatcher && python -m venv /opt/build \
    && /opt/dispatcher/bin/pip install --require-hashes -r requirements.txt \
    && /opt/build/bin/pip install --require-hashes -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY dispatcher ./dispatcher
COPY workers ./workers
COPY migrations ./migrations
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir wheel . \
    && /opt/dispatcher/bin/pip install --no-deps --no-index wheel/*.whl

FROM python:${PYTHON}
RUN groupadd --system --gid 10001 dispatcher \
    && useradd --system --uid 10001 --gid dispatcher --no-create-home --home-dir /var/lib/dispatcher dispatcher \
    && install --directory --owner=dispatcher --group=dispatcher /var/lib/dispatcher
COPY --from=build /opt/dispatcher /opt/dispatcher
ENV PATH=/opt/dispatcher/bin:$PATH PYTHONUNBUFFERED=1 DISPATCHER_CONFIG=/etc/dispatcher/dispatcher.toml
WORKDIR /var/lib/dispatcher
USER dispatcher
EXPOSE 8080 8260
CMD ["dispatcher", "up"]
