# One image for web, tasks and clock; compose.yaml says which of them it becomes.
FROM python:3.13-slim
ENV PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/shanji
RUN useradd --system --home-dir /srv/shanji shanji && mkdir -p /srv/shanji/var && chown shanji /srv/shanji/var
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY . .
RUN python -m tools.messages compile
USER shanji
ENV DJANGO_SETTINGS_MODULE=settings.production
EXPOSE 8000
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--no-tasks"]
