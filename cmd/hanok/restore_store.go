package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"hanok/dc"
	"hanok/internal/durable"
	"hanok/manager/backup"
	"hanok/manager/store"
)

// restore is a restore into a data folder, which is locked. Wherever it is cut off, the same restore can be run again, and nothing
// else starts on the folder before that if anything was changed in it:
//
//   - In the folder the new store is made beside the old one, manager/store.new. When it is whole, the folder's marker says that it
//     is being restored; the old one gets the name under which it is kept, and the new one its name.
//   - In etcd the store's format says that it is being restored, from the first transaction to the last. What was there is kept
//     in a file before that.
type restore struct {
	*dataFolder
	asIs, replace bool
	now           time.Time
	log           *slog.Logger
	// again is set when an earlier try has begun. begun is set from when something is changed that only the end of the restore puts right.
	again, begun bool
}

func newRestore(d *dataFolder, asIs, replace bool, log *slog.Logger) *restore {
	return &restore{dataFolder: d, asIs: asIs, replace: replace, now: time.Now(), log: log, again: d.marker.Restoring != ""}
}

// prepare refuses a folder that can't be restored into. A fresh one is not to be started before its restore has ended.
func (r *restore) prepare(flags etcdSettings, fresh bool) error {
	if err := r.check(); err != nil {
		return err
	}
	if len(flags.Endpoints) > 0 {
		if err := r.keepEtcd(flags, fileExists(r.storeDir())); err != nil {
			return err
		}
	}
	if !fresh {
		return nil
	}
	return r.mark()
}

// mark notes in the folder that it is being restored, and under which name what is there will be kept. An earlier try may have
// done that.
func (r *restore) mark() error {
	if r.marker.Restoring != "" {
		return nil
	}
	if err := durable.MkdirAll(r.file("manager"), 0o700); err != nil {
		return dataError(r.path, err)
	}
	name := "store.before-" + r.now.UTC().Format("20060102T150405Z")
	for n := 2; fileExists(r.file("manager", name)); n++ {
		name = fmt.Sprintf("store.before-%s.%d", r.now.UTC().Format("20060102T150405Z"), n)
	}
	r.marker.Restoring = name
	return writeMarker(r.path, r.marker)
}

// begin is the last moment at which nothing has changed.
func (r *restore) begin() error {
	if err := r.mark(); err != nil {
		return err
	}
	r.begun = true
	return nil
}

func (r *restore) storeDir() string { return r.file("manager", "store") }

// kept is where the store that was there is kept: a folder, or for one in etcd a backup. It is "" before that has a name.
func (r *restore) kept() string {
	if r.marker.Restoring == "" {
		return ""
	}
	return r.file("manager", r.marker.Restoring)
}

// present returns what is in the folder's store. An earlier try of this restore that was cut off may have kept it already.
func (r *restore) present(ctx context.Context) (*backup.Archive, error) {
	if r.marker.Etcd != nil {
		if r.kept() != "" && fileExists(r.kept()) {
			file, err := os.Open(r.kept())
			if err != nil {
				return nil, dataError(r.path, err)
			}
			defer file.Close()
			return backup.Read(file, nil)
		}
		config, err := r.etcdConfig(r.log)
		if err != nil {
			return nil, err
		}
		return r.dump(ctx, func() (*store.Store, error) { return store.OpenExternal(ctx, config) })
	}
	if r.kept() != "" && !fileExists(r.storeDir()) && fileExists(r.kept()) {
		if err := r.rename(r.kept(), r.storeDir()); err != nil {
			return nil, err
		}
	}
	if !fileExists(r.storeDir()) {
		return nil, badData(r.path, "there is no store in it")
	}
	return r.dump(ctx, func() (*store.Store, error) {
		return store.OpenEmbedded(ctx, store.EmbeddedConfig{Dir: r.storeDir(), Log: r.log})
	})
}

// dump returns what is in a store, and closes it.
func (r *restore) dump(ctx context.Context, open func() (*store.Store, error)) (*backup.Archive, error) {
	st, err := open()
	if err != nil {
		return nil, err
	}
	defer st.Close()
	d, err := st.Dump(ctx)
	if err != nil {
		return nil, err
	}
	return backup.New(d, version, r.now)
}

// run makes the store of the contents and lets the folder be started. It returns where the store that was there is kept, or "" where
// none was.
func (r *restore) run(ctx context.Context, contents store.Contents, login []byte) (kept string, err error) {
	if r.marker.Etcd == nil {
		err = r.makeEmbedded(ctx, contents)
	} else {
		err = r.makeExternal(ctx, contents)
	}
	if err != nil {
		return "", err
	}
	if fileExists(r.kept()) {
		kept = r.kept()
	}
	switch path := r.file("first-login.json"); {
	case login != nil:
		err = durable.WriteFile(path, login, 0o600)
	case !r.asIs:
		err = durable.Remove(path)
	}
	if err != nil {
		return "", dataError(r.path, err)
	}
	r.marker.Restoring, r.marker.Settled = "", true
	return kept, writeMarker(r.path, r.marker)
}

func (r *restore) makeEmbedded(ctx context.Context, contents store.Contents) error {
	unfinished := r.storeDir() + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return dataError(r.path, err)
	}
	if err := store.RestoreEmbedded(ctx, store.EmbeddedConfig{Dir: unfinished, Log: r.log}, contents); err != nil {
		return errors.Join(err, os.RemoveAll(unfinished))
	}
	if err := r.begin(); err != nil {
		return err
	}
	switch {
	case !fileExists(r.storeDir()):
	case fileExists(r.kept()): // an earlier try has come as far as here, and what has the store's name is its result
		if err := os.RemoveAll(r.storeDir()); err != nil {
			return dataError(r.path, err)
		}
	default:
		if err := r.rename(r.storeDir(), r.kept()); err != nil {
			return err
		}
	}
	return r.rename(unfinished, r.storeDir())
}

func (r *restore) rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return dataError(r.path, err)
	}
	if err := durable.SyncDir(filepath.Dir(to)); err != nil {
		return dataError(r.path, err)
	}
	return nil
}

func (r *restore) makeExternal(ctx context.Context, contents store.Contents) error {
	config, err := r.etcdConfig(r.log)
	if err != nil {
		return err
	}
	if r.replace {
		was, err := r.present(ctx)
		if err != nil && !errors.Is(err, store.ErrRestoring) { // of which nothing is worth keeping
			return err
		}
		if err == nil {
			// What was there may have come further than the backup.
			contents.Base = max(contents.Base, was.Revision+1)
			if err := r.keep(was); err != nil {
				return err
			}
		}
	}
	if err := r.begin(); err != nil {
		return err
	}
	err = store.RestoreExternal(ctx, config, contents, r.replace)
	if kind := dc.KindOf(err); !r.again && (kind == dc.Exists || kind == dc.Conflict) { // it is refused, and nothing has changed
		r.begun, r.marker.Restoring = false, ""
		err = errors.Join(err, writeMarker(r.path, r.marker))
	}
	return err
}

// keep writes what was in etcd to a file, unless an earlier try has done so.
func (r *restore) keep(archive *backup.Archive) error {
	if err := r.mark(); err != nil {
		return err
	}
	if archive.Objects == 0 || fileExists(r.kept()) {
		return nil
	}
	var err error
	if archive.Login, err = r.firstLogin(); err != nil {
		return dataError(r.path, err)
	}
	var b bytes.Buffer
	if err := archive.Write(&b, ""); err != nil {
		return err
	}
	if err := durable.WriteFile(r.kept(), b.Bytes(), 0o600); err != nil {
		return dataError(r.path, err)
	}
	return nil
}
