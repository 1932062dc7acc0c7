# Daybook as a slim image: dependencies are installed by hash in one stage, and only they and the code come into the last.
FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/daybook
COPY requirements.lock /tmp/
RUN /opt/daybook/bin/python -m pip install --require-hashes --only-binary :all: -r /tmp/requirements.lock
COPY events /app/events
COPY commands /app/commands
COPY queries /app/queries
COPY projections /app/projections
COPY infrastructure /app/infrastructure
COPY api /app/api
COPY sql /app/sql
RUN printf '#!/opt/daybook/bin/python\nimport sys\nfrom api.cli import main\nsys.exit(main())\n' > /opt/daybook/bin/daybook \
    && chmod 755 /opt/daybook/bin/daybook \
    && /opt/daybook/bin/python -m compileall -q /app

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin daybook
COPY --from=build /opt/daybook /opt/daybook
COPY --from=build /app /app
ENV PATH=/opt/daybook/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DAYBOOK_MODE=production \
    DAYBOOK_HOST=0.0.0.0 \
    DAYBOOK_PORT=8000
WORKDIR /app
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/ready', timeout=3)"]
ENTRYPOINT ["daybook"]
CMD ["serve"]
