# batond in a container, as an unprivileged user, with VMMs that survive its restarts. See docs/install.md for the devices
# and capabilities that machines need. The steps are scripts that run on any Debian.
FROM debian:trixie-slim AS build
RUN apt-get update \
  && apt-get install -y --no-install-recommends nodejs npm libnode-dev python3 make g++ ca-certificates \
  && rm -rf /var/lib/apt/lists/*
COPY . /usr/src/baton
RUN /usr/src/baton/config/container/build.sh /usr/src/baton /opt/baton

FROM debian:trixie-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends nodejs tini \
  && rm -rf /var/lib/apt/lists/* \
  && groupadd --gid 10000 baton \
  && useradd --uid 10000 --gid baton --home-dir /var/lib/baton --no-create-home --shell /usr/sbin/nologin baton \
  && install --directory --owner baton --group baton --mode 700 /var/lib/baton /run/baton
COPY --from=build /opt/baton /opt/baton
COPY config/container/batond.yaml config/batond.schema.json /etc/baton/
ENV PATH=/opt/baton/bin:/usr/local/bin:/usr/bin:/bin
USER baton
VOLUME /var/lib/baton
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["batond-host", "health"]
ENTRYPOINT ["/usr/bin/tini", "--", "/opt/baton/lib/node_modules/baton/config/container/run.sh"]
CMD ["--config", "/etc/baton/batond.yaml"]
