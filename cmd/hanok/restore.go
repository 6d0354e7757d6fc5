package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hanok/dc"
	"hanok/internal/durable"
	"hanok/manager/backup"
)

// restoreFlags are what `hanok restore` is told.
type restoreFlags struct {
	asIs, replace bool
	etcd          etcdSettings
}

func (a *app) restoreCommand() *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:   "restore FILE | restore --as-is",
		Short: "Make a manager of a backup, while none runs on the DATA folder",
		Long: `Make a manager of a backup, while none runs on the DATA folder (--data).

The backup is verified as a whole before anything is changed. A new or empty folder becomes a manager's. In the folder of a
manager the store is replaced, and the one that was there is kept beside it; this machine stays the host that it is, and its
virtual machines run on. A restore that was cut off is run again.

What hosts have done since the backup they keep: no machine is powered on or off, and no file is removed. A virtual machine that
was made after the backup is an orphan on its host ("hanok vm adopt"). Tasks that were under way have ended, except deletions that
had begun. Everybody logs in anew, with the password of that time.

To go back to the store that was kept, move it to DATA/manager/store and run "hanok restore --as-is"; what was in etcd is kept as a
backup, which is restored like any other.

--as-is takes no file. It is for a DATA folder (or an etcd) that was brought back by other means, such as a snapshot of this
machine or a copy: hosts refuse a manager that has gone back in time, and follow it after this.`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.Flags().BoolVar(&f.asIs, "as-is", false, "restore what is in the folder already")
	cmd.Flags().BoolVar(&f.replace, "replace", false, "erase the data center that is in etcd at that prefix")
	f.etcd.addFlags(cmd.Flags())
	cmd.PreRunE = func(_ *cobra.Command, args []string) error {
		if f.asIs == (len(args) == 1) {
			return errors.New("name one FILE, or --as-is")
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.service(func(ctx context.Context) error {
			if f.asIs {
				return a.restoreAsIs(ctx)
			}
			a.object = args[0]
			return a.restore(ctx, args[0], f)
		})(cmd, args)
	}
	return cmd
}

// restore makes a manager of the backup at path.
func (a *app) restore(ctx context.Context, path string, f restoreFlags) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return backupError(err)
	}
	defer file.Close()
	read := &progressReader{app: a, r: file}
	_, err = backup.Read(read, nil)
	read.end()
	if err != nil {
		return backupError(err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return backupError(err)
	}

	fresh := !fileExists(filepath.Join(a.data, "hanok.json"))
	data, err := prepareData(a.data)
	if err != nil {
		return err
	}
	defer data.close()
	r := newRestore(data, false, f.replace, a.restoreLog())
	defer func() {
		if err != nil && fresh && !r.begun {
			err = errors.Join(err, data.remove())
		}
	}()
	if err := r.prepare(f.etcd, fresh); err != nil {
		return err
	}
	// It is read and verified again, since it is used only now.
	archive, err := backup.Read(file, r.keepImage)
	if err != nil {
		return backupError(err)
	}
	return a.finish(ctx, r, archive, "restored the "+describeBackup(archive.Header))
}

// restoreAsIs makes what is in the folder's store a restored one.
func (a *app) restoreAsIs(ctx context.Context) error {
	data, err := openData(a.data)
	if errors.Is(err, errNoData) {
		return badData(a.data, "there is no data center in it")
	}
	if err != nil {
		return err
	}
	defer data.close()
	r := newRestore(data, true, true, a.restoreLog())
	if err := r.check(); err != nil {
		return err
	}
	archive, err := r.present(ctx)
	if err != nil {
		return err
	}
	return a.finish(ctx, r, archive, "made a restored one of the store as it is")
}

func (a *app) restoreLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}

// finish makes the store and says what was done.
func (a *app) finish(ctx context.Context, r *restore, archive *backup.Archive, done string) error {
	contents, ended, err := archive.Contents(r.now)
	if err != nil {
		return err
	}
	kept, err := r.run(ctx, contents, archive.Login)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s\n  %s\n", done, count(archive.Objects, "object"))
	for _, t := range ended {
		fmt.Fprintf(a.stdout, "  ended, since it was under way: %s %s\n", t.Type, t.TargetName)
	}
	if kept != "" {
		fmt.Fprintf(a.stdout, "  what was there before is kept in %s\n", kept)
	}
	fmt.Fprintf(a.stdout, "next: start it as before, with \"hanok up --data %[1]s\" or \"hanok manager run --data %[1]s\"\n", r.path)
	return nil
}

// keepImage writes the content of an image where it is not whole already.
func (r *restore) keepImage(image backup.Image, content io.Reader) error {
	folder, digits := r.file("manager", "images"), strings.TrimPrefix(image.Digest, "sha256:")
	path := filepath.Join(folder, digits)
	if sumOf(path) == digits {
		return nil
	}
	if err := durable.MkdirAll(folder, 0o700); err != nil {
		return dataError(r.path, err)
	}
	part := path + ".part"
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return dataError(r.path, err)
	}
	sum := sha256.New()
	_, err = io.Copy(file, io.TeeReader(content, sum))
	if err == nil && hex.EncodeToString(sum.Sum(nil)) != digits {
		err = io.ErrUnexpectedEOF // Read finds the same, and says it
	}
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.Join(err, os.Remove(part))
	} else if err != nil {
		return errors.Join(dataError(r.path, err), os.Remove(part))
	}
	if err := os.Rename(part, path); err != nil {
		return dataError(r.path, err)
	}
	return durable.SyncDir(folder)
}

// sumOf returns the SHA-256 of a file in hexadecimal digits, or "" for one that can't be read.
func sumOf(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// check refuses a folder that is no manager's.
func (r *restore) check() error {
	if r.marker.Manager != "" {
		return wrongRole(r.path, "it is a host's of the data center at "+r.marker.Manager, "restore on the machine of its manager")
	}
	return nil
}

// errUnfinished is why nothing runs on a folder whose restore was cut off.
func errUnfinished(dir string) error {
	return &dc.Error{Kind: dc.WrongState, Object: dataName(dir), Message: "its restore from a backup was not finished", Remedy: `run the same "hanok restore" again`}
}
