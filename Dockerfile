# The published image, for each platform of "docker buildx build --platform":
# the binary that .ci/release builds, alone.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$VERSION" -o /countersign ./cmd/countersign

FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=dev
LABEL org.opencontainers.image.source=https://github.com/countersign/countersign
LABEL org.opencontainers.image.licenses=Apache-2.0
LABEL org.opencontainers.image.version=$VERSION
COPY --from=build /countersign /countersign
# By number: the kubelet can tell that it is not root.
USER 65532:65532
ENTRYPOINT ["/countersign"]
