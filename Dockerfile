# One image, four commands: `api` (the default), `ui`, `worker`, `db upgrade`. The target `train` adds PyTorch with CUDA:
#   docker build -t bugflow .
#   docker build -t bugflow-train --target train .
FROM python:3.11-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/bugflow/bin:$PATH

FROM base AS build
WORKDIR /build
RUN python -m venv /opt/bugflow
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src/bugflow/__init__.py src/bugflow/__init__.py
# First what it needs, so that a change of our own code does not fetch everything anew.
RUN pip install --no-cache-dir -c constraints.txt ".[redis,s3]"
COPY src src
RUN pip install --no-cache-dir --no-deps --force-reinstall .

FROM build AS build-train
RUN pip install --no-cache-dir -c constraints.txt ".[train]"

FROM base AS run
ENV BUGFLOW_DATA_DIR=/data \
    BUGFLOW_LOG_FORMAT=json \
    HOME=/tmp
RUN useradd --system --uid 10001 --home-dir /tmp --shell /usr/sbin/nologin bugflow \
    && install -d -o bugflow -g bugflow -m 0700 /data /data/models
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000 8501
ENTRYPOINT ["bugflow"]

# For training on a GPU (docker run --gpus all): the driver comes from the host, CUDA's libraries with PyTorch.
# BugFlow's own recipe, `linear`, needs neither; the packages are there for encoders that you tune yourself.
FROM run AS train
COPY --from=build-train /opt/bugflow /opt/bugflow
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
CMD ["train", "--help"]

FROM run AS serve
COPY --from=build /opt/bugflow /opt/bugflow
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
CMD ["api", "--host", "0.0.0.0", "--port", "8000"]
