# Holdfast in a container, as a user without rights. Everything that it writes is below
# /var/lib/holdfast, so the rest may be read-only:
#
#   docker build -t holdfast .
#   docker run --read-only --stop-timeout 20 -v holdfast-data:/var/lib/holdfast \
#     -p 127.0.0.1:7420:7420 -p 127.0.0.1:7421:7421 holdfast
#
# The kernel keeps signals from a process 1 that doesn't listen to them. The server listens before it
# replays the log, so it stops at any time, and needs no --init.
# --stop-timeout: longer than server.stop_timeout (10 s), so that a stop is never cut short.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# First the dependencies alone, with nothing of ours but the manifest, so that this layer holds for
# as long as Cargo.lock does. Benches that the manifest names must exist for cargo to read it.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src benches \
  && echo 'fn main() {}' > build.rs \
  && echo 'fn main() {}' > src/main.rs \
  && touch src/lib.rs \
  && sed -n '/^\[\[bench\]\]/,/^$/s|^name = "\(.*\)"|benches/\1.rs|p' Cargo.toml | xargs -r touch \
  && cargo build --release --locked

# Then the server. What is copied may be older than what was built in its stead, and cargo goes by
# the time: hence the touch.
COPY build.rs ./
COPY proto proto
COPY config config
COPY src src
RUN touch build.rs src/lib.rs src/main.rs \
  && cargo build --release --locked --bin holdfast

FROM debian:bookworm-slim
RUN groupadd --system --gid 10001 holdfast \
  && useradd --system --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin holdfast \
  && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/holdfast
COPY --from=build /build/target/release/holdfast /usr/local/bin/holdfast

# A container is reached through its own address and never through its loopback, so the server
# must serve all of its addresses, and says loudly that there is neither authentication nor
# encryption. What keeps others out is the network that the container is put in and the addresses
# that its ports are published on: keep those to 127.0.0.1 or to a network you trust.
ENV HOLDFAST_SERVER__DATA_DIR=/var/lib/holdfast \
  HOLDFAST_SERVER__GRPC_ADDR=0.0.0.0:7420 \
  HOLDFAST_SERVER__HTTP_ADDR=0.0.0.0:7421 \
  HOLDFAST_SERVER__INSECURE=true

# By number, so that an orchestrator can see that it isn't root.
USER 10001:10001
VOLUME /var/lib/holdfast
EXPOSE 7420 7421
STOPSIGNAL SIGTERM

# Asks every shard, over gRPC, and needs neither a shell nor curl. It fails while the log is being
# replayed; a log that takes longer than the start period to replay needs a longer one.
HEALTHCHECK --interval=10s --timeout=8s --start-period=2m --retries=3 \
  CMD ["holdfast", "admin", "stats"]

ENTRYPOINT ["holdfast"]
CMD ["serve"]
