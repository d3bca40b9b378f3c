# Grading on macOS and Windows, in a Linux container. Build and run it in the course's folder:
#
#   docker build -t embeddings-grader .
#   docker run --rm --user "$(id -u):$(id -g)" --security-opt seccomp=unconfined \
#       --security-opt apparmor=unconfined --security-opt systempaths=unconfined \
#       -v "$PWD:/course" embeddings-grader grade
#
# The course is mounted, not copied: submissions are read from it, marks and feedback are written to it.
# bubblewrap, which the sandbox is built on, needs user namespaces and a /proc of its own; the container's default profiles
# forbid both.
FROM python:3.11-slim-bookworm

# No version is pinned: the base image's Debian release fixes it, but for security updates.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap \
    && rm -rf /var/lib/apt/lists/*

# The same environment as everywhere else; --no-deps since the lock is complete.
COPY requirements.lock /tmp/requirements.lock
RUN grep '^torch==' /tmp/requirements.lock > /tmp/torch.lock \
    && pip install --no-cache-dir --no-deps --index-url https://download.pytorch.org/whl/cpu -r /tmp/torch.lock \
    && pip install --no-cache-dir --no-deps -r /tmp/requirements.lock \
    && pip check \
    && rm /tmp/*.lock

RUN useradd --uid 1000 --create-home grader
USER 1000:1000

# A --user from outside has no home of its own; Jupyter and IPython need one that can be written.
ENV HOME=/tmp \
    PYTHONPATH=/course \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /course
VOLUME ["/course"]

ENTRYPOINT ["python", "-m", "autograder"]
CMD ["grade"]
