# The bot without the demo. Build: docker build -t patchbot .
# Run: docker run --env-file patchbot.env -v patchbot-data:/data -v ./patchbot.toml:/etc/patchbot/patchbot.toml:ro patchbot
FROM python:3.13-slim

# matplotlib keeps its list of fonts on the volume: nothing else need be writable (`docker run --read-only`).
ENV TZ=UTC \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PATCHBOT_CONFIG=/etc/patchbot/patchbot.toml \
    PATCHBOT_DATA_DIR=/data \
    MPLCONFIGDIR=/data/matplotlib

WORKDIR /opt/patchbot
COPY requirements/runtime.txt requirements/runtime.txt
RUN python -m pip install --no-cache-dir --require-hashes -r requirements/runtime.txt

COPY pyproject.toml README.md ./
COPY bot bot
COPY commands commands
RUN python -m pip install --no-cache-dir --no-deps --no-build-isolation . \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin patchbot \
    && install --directory --owner=patchbot --mode=0700 /data

USER patchbot
VOLUME /data
# Used in HTTP mode only; Socket Mode needs no open port.
EXPOSE 3000

ENTRYPOINT ["patchbot"]
CMD ["serve"]
