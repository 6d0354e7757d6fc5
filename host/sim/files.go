package sim

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"hanok/dc"
	"hanok/host/files"
)

// Files implements the agent's Files for a simulated host: its datastores' files are real ones, below the folder Root, beside what is
// only simulated of machines.
type Files struct{ Root string }

// at returns where the files of a datastore really are, and makes the place.
func (f Files) at(root string) (string, error) {
	if root == "" {
		return "", nil
	}
	path := filepath.Join(f.Root, filepath.Clean("/"+root))
	return path, os.MkdirAll(path, 0o700)
}

// Do implements the agent's Files.
func (f Files) Do(ctx context.Context, root, to string, req dc.FileRequest, progress func(done, total int64)) (dc.FileReply, error) {
	root, err := f.at(root)
	if err != nil {
		return dc.FileReply{}, err
	}
	if to, err = f.at(to); err != nil {
		return dc.FileReply{}, err
	}
	return files.Driver{}.Do(ctx, root, to, req, progress)
}

// Open implements the agent's Files.
func (f Files) Open(root, path string) (*os.File, dc.File, error) {
	root, err := f.at(root)
	if err != nil {
		return nil, dc.File{}, err
	}
	return files.Driver{}.Open(root, path)
}

// Upload implements the agent's Files.
func (f Files) Upload(ctx context.Context, root string, req dc.FileRequest, receive func(w io.Writer) (string, error), allowed func() error) (dc.FileReply, error) {
	root, err := f.at(root)
	if err != nil {
		return dc.FileReply{}, err
	}
	return files.Driver{}.Upload(ctx, root, req, receive, allowed)
}
