package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"hanok/api/hanok/v1"
	"hanok/dc"
	"hanok/internal/durable"
	"hanok/manager/backup"
)

func (a *app) backupCommand() *cobra.Command {
	cmd := a.client(command{
		use: "backup FILE", short: "Take a backup of the manager while it runs",
		long: `Take a backup of the manager while it runs: the whole inventory, users, tasks and events as they are at one moment, and the
contents of the images. "-" writes it to standard output.

The disks of virtual machines are not in it: they are on the hosts' datastores.

It holds every secret of the data center: the key of its certificate authority, and the hashes of all passwords. The file is
for you alone (mode 0600); keep it as safe as the manager itself. Sessions and join tokens are not in it.

"hanok restore" makes a manager of it.`,
		args: cobra.ExactArgs(1), object: true,
		do: func(ctx context.Context, c *client, args []string) error { return a.backup(ctx, c, args[0]) },
	})
	cmd.AddCommand(a.backupVerifyCommand())
	return cmd
}

func (a *app) backupVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify FILE", Short: "See whether a backup is whole, without a data center",
		Long: `See whether a backup is whole, without a data center. "-" reads it from standard input.`,
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		a.started, a.object = true, args[0]
		return a.verify(args[0])
	}
	return cmd
}

// backup writes a backup. What is received is verified on its way to the file, which gets its name when it is whole.
func (a *app) backup(ctx context.Context, c *client, path string) error {
	stream, err := c.backups.Backup(ctx, &hanokv1.BackupRequest{})
	if err != nil {
		return err
	}
	defer stream.Close()
	received := &progressReader{app: a, r: &chunkReader{stream: stream}}
	defer received.end()
	if path == "-" {
		archive, err := backup.Read(io.TeeReader(received, a.stdout), nil)
		if err != nil {
			return err
		}
		return a.summarize(a.stderr, path, archive, received.n)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return &dc.Error{Kind: dc.Invalid, Message: "it is there, and no file", Remedy: "name a file"}
	}
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return backupError(err)
	}
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return backupError(err)
	}
	archive, err := backup.Read(io.TeeReader(received, file), nil)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(backupError(err), os.Remove(part))
	}
	if err := os.Rename(part, path); err != nil {
		return errors.Join(backupError(err), os.Remove(part))
	}
	if err := durable.SyncDir(filepath.Dir(path)); err != nil {
		return backupError(err)
	}
	received.end()
	return a.summarize(a.stdout, path, archive, received.n)
}

// verify reads a backup to its end.
func (a *app) verify(path string) error {
	in := a.stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return backupError(err)
		}
		defer file.Close()
		in = file
	}
	read := &progressReader{app: a, r: in}
	archive, err := backup.Read(read, nil)
	read.end()
	if err != nil {
		return backupError(err)
	}
	return a.summarize(a.stdout, path, archive, read.n)
}

// summarize prints what a whole backup is.
func (a *app) summarize(w io.Writer, path string, archive *backup.Archive, size int64) error {
	if len(archive.Missing) > 0 {
		fmt.Fprintf(a.stderr, "without the contents of these images, which the manager does not have: %s\n", strings.Join(archive.Missing, ", "))
	}
	if a.json && w == a.stdout {
		b, err := json.Marshal(struct {
			File      string `json:"file"`
			SizeBytes int64  `json:"sizeBytes"`
			backup.Header
		}{path, size, archive.Header})
		if err != nil {
			return err
		}
		return a.printJSON(b)
	}
	_, err := fmt.Fprintf(w, "%s: %s\n  %s, %s, %s\n", path, describeBackup(archive.Header), count(archive.Objects, "object"),
		count(len(archive.Images), "image"), bytesText(size))
	return err
}

func describeBackup(h backup.Header) string {
	return fmt.Sprintf("backup of %s at revision %d, taken %s by hanok %s", strings.Join(h.Datacenters, ", "), h.Revision,
		h.Taken.Local().Format(time.DateTime), h.Version)
}

// count returns "1 image" or "2 images".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// backupError says what to do about a failure of the file's own.
func backupError(err error) error {
	var path *os.PathError
	if !errors.As(err, &path) {
		return err
	}
	out := &dc.Error{Kind: dc.Unavailable, Message: path.Err.Error(), Remedy: "name another file", Err: err}
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		out.Kind, out.Message, out.Remedy = dc.Exhausted, "its disk is full", "free some space there, or name another file"
	case errors.Is(err, os.ErrNotExist):
		out.Kind = dc.NotFound
	}
	return out
}

// chunkReader reads a backup from its stream.
type chunkReader struct {
	stream *connect.ServerStreamForClient[hanokv1.BackupResponse]
	rest   []byte
}

func (r *chunkReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if !r.stream.Receive() {
			if err := r.stream.Err(); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
		r.rest = r.stream.Msg().Chunk
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// progressReader counts what is read and shows it on a terminal.
type progressReader struct {
	*app
	r     io.Reader
	n     int64
	shown time.Time
}

func (r *progressReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.n += int64(n)
	if now := time.Now(); r.progress && now.Sub(r.shown) > time.Second/10 {
		fmt.Fprintf(r.stderr, "\r%-12s", bytesText(r.n))
		r.shown = now
	}
	return n, err
}

// end wipes what was shown.
func (r *progressReader) end() {
	if !r.shown.IsZero() {
		fmt.Fprintf(r.stderr, "\r%-12s\r", "")
		r.shown = time.Time{}
	}
}
