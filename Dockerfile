# syntax=docker/dockerfile:1

# All five executables in one image; the command says which one runs:
#   docker build --build-arg REVISION="$(git rev-parse HEAD)" -t fanfare:0.1.0 .
#   docker run --rm --read-only fanfare:0.1.0 fanfare-ingest --help
# Both stages are Debian 12: the C libraries that the executables are linked with are those that they find.
ARG SWIFT_IMAGE=swift:6.3-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${SWIFT_IMAGE} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /src
COPY scripts/install-dependencies scripts/install-dependencies
RUN scripts/install-dependencies --build
COPY . .
RUN --mount=type=cache,target=/src/.build \
    mkdir /out \
    && for product in fanfare fanfare-ingest fanfare-matcher fanfare-delivery fanfare-feed; do \
        scripts/build --release --product "$product" || exit 1; \
        strip --strip-all -o "/out/$product" ".build/release/$product" || exit 1; \
    done

FROM ${BASE_IMAGE}
# The packages whose libraries the executables name, and the certificates of public authorities: `scripts/check-image` proves that
# the list is neither too short nor too long. Debian keeps their versions patched, so none is pinned; rebuild to get the newest.
RUN --mount=type=bind,source=deploy/image/runtime-packages,target=/run/runtime-packages \
    apt-get update -q \
    && xargs -a /run/runtime-packages apt-get install -y -q --no-install-recommends \
    && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/debconf \
    && groupadd --gid 10001 fanfare \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/fanfare --shell /usr/sbin/nologin fanfare \
    && install -d -o 10001 -g 10001 -m 0750 /var/lib/fanfare
COPY --from=build /out/ /usr/local/bin/
ARG REVISION=unknown
ENV FANFARE_REVISION=$REVISION
LABEL org.opencontainers.image.title="Fanfare" \
    org.opencontainers.image.description="An event backbone: one feed, signed webhooks" \
    org.opencontainers.image.revision=$REVISION
# By number, so that Kubernetes can tell that it is not root. Nothing is written outside of volumes: the root may be read-only.
USER 10001:10001
WORKDIR /var/lib/fanfare
STOPSIGNAL SIGTERM
CMD ["fanfare", "--help"]
