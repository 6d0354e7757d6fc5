package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// ManifestName is the file in the packages' folder that lists them, one line each as sha256sum writes it: the SHA-256
// in hexadecimal, two spaces, the file name. scripts/setup writes it after all packages are there.
const ManifestName = "manifest"

// files is what the packages hold, by path without a leading slash or dot: regular files and symbolic links.
type files map[string]file

// file is one regular file, or a symbolic link if link is not empty.
type file struct {
	data []byte
	link string
}

// readManifest returns the packages' file names in the manifest's order, and the manifest itself.
func readManifest(dir string) (names []string, manifest []byte, err error) {
	manifest, err = os.ReadFile(filepath.Join(dir, ManifestName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("the starter image's packages are not in %s: run make setup", dir)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the package manifest: %w", err)
	}
	for line := range strings.Lines(string(manifest)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || len(sum) != hex.EncodedLen(sha256.Size) || name != filepath.Base(name) || !strings.HasSuffix(name, ".deb") {
			return nil, nil, fmt.Errorf("package manifest in %s: %q is not a checksum and a .deb file name: remove the folder and run make setup", dir, line)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, nil, fmt.Errorf("package manifest in %s is empty: remove the folder and run make setup", dir)
	}
	return names, manifest, nil
}

// verifyPackages compares every package in dir with its checksum in the manifest.
func verifyPackages(dir string, manifest []byte) error {
	for line := range strings.Lines(string(manifest)) {
		want, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		got, _, err := digestFile(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("verify package: %w", err)
		}
		if got != want {
			return fmt.Errorf("package %s is damaged (its SHA-256 is not the manifest's): remove %s and run make setup", name, dir)
		}
	}
	return nil
}

// unpack reads the files of a package that keep wants into out. dpkg-deb does the decompression.
func unpack(ctx context.Context, deb string, keep func(name string) bool, out files) (err error) {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(deb), err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(deb), err)
	}
	readErr := readTar(pipe, keep, out)
	if readErr != nil {
		pipe.Close() // or dpkg-deb waits for a reader
	}
	if err := cmd.Wait(); err != nil && readErr == nil {
		return fmt.Errorf("unpack %s: dpkg-deb: %w: %s", filepath.Base(deb), err, bytes.TrimSpace(stderr.Bytes()))
	}
	if readErr != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(deb), readErr)
	}
	return nil
}

// readTar reads the regular files and links that keep wants. Hard links become copies.
func readTar(r io.Reader, keep func(name string) bool, out files) error {
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			_, err := io.Copy(io.Discard, r) // the padding after the end, or dpkg-deb dies of a closed pipe
			return err
		}
		if err != nil {
			return err
		}
		name := cleanName(header.Name)
		if !keep(name) {
			continue
		}
		switch header.Typeflag {
		case tar.TypeReg:
			data, err := io.ReadAll(archive)
			if err != nil {
				return err
			}
			out[name] = file{data: data}
		case tar.TypeSymlink:
			out[name] = file{link: header.Linkname}
		case tar.TypeLink:
			out[name] = out[cleanName(header.Linkname)]
		}
	}
}

// cleanName turns a tar entry's name into a key of files.
func cleanName(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// open returns the content of the file at name, following symbolic links.
func (f files) open(name string) ([]byte, error) {
	at := cleanName(name)
	for range 10 {
		entry, ok := f[at]
		switch {
		case !ok:
			return nil, fmt.Errorf("no package has %s", name)
		case entry.link == "":
			return entry.data, nil
		case path.IsAbs(entry.link):
			at = cleanName(entry.link)
		default:
			at = cleanName(path.Join(path.Dir(at), entry.link))
		}
	}
	return nil, fmt.Errorf("%s: too many symbolic links", name)
}
