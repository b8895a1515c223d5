// Command image writes programs as a container image, in the archive that
// "docker load", "ctr images import" and "kind load image-archive" read. The
// image has no base: what is put in must be static.
//
//	image -output app.tar -name example.test/app:1 bin/app
//
// The first program is the entrypoint. The user is not root.
package main

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// nonroot is the user that distroless images have.
const nonroot = "65532:65532"

func main() {
	output := flag.String("output", "", "archive to write (required)")
	reference := flag.String("name", "", "name and tag of the image (required)")
	flag.Parse()
	if *output == "" || *reference == "" || flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := write(*output, *reference, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func write(output, reference string, programs []string) error {
	tag, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return err
	}
	image, err := build(programs)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(output, tag, image)
}

func build(programs []string) (v1.Image, error) {
	content, err := layer(programs)
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, content)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Config = v1.Config{Entrypoint: []string{"/" + filepath.Base(programs[0])}, User: nonroot}
	return mutate.ConfigFile(image, file)
}

// layer has the programs in the root folder.
func layer(programs []string) (v1.Layer, error) {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, program := range programs {
		content, err := os.ReadFile(program)
		if err != nil {
			return nil, err
		}
		header := &tar.Header{Name: filepath.Base(program), Mode: 0o755, Size: int64(len(content))}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(content); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
	})
}
