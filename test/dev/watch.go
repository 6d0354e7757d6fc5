package main

import (
	"context"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// pace is how often the sources are looked at: some hundred files, in two milliseconds.
const pace = 400 * time.Millisecond

// version tells whether a file was written again.
type version struct {
	written time.Time
	bytes   int64
}

// aside are the folders at the root that hold nothing of the program.
var aside = []string{"bin", "doc", "scripts", "test", "tools"}

// sources returns the files below root that the program may be made of. A file that goes away meanwhile is none.
func sources(root string) map[string]version {
	files := map[string]version{}
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case d.IsDir():
			rel, _ := filepath.Rel(root, path)
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains(aside, rel) || d.Name() == "testdata" || d.Name() == "node_modules") {
				return filepath.SkipDir
			}
		case d.Type().IsRegular() && !strings.HasPrefix(d.Name(), ".") && !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, "~"):
			if info, err := d.Info(); err == nil {
				files[path] = version{info.ModTime(), info.Size()}
			}
		}
		return nil
	})
	return files
}

// changed waits until the sources below root are others than before and have come to rest, and returns them. It returns before
// when ctx ends.
func changed(ctx context.Context, root string, before map[string]version) map[string]version {
	last := before
	for {
		select {
		case <-ctx.Done():
			return before
		case <-time.After(pace):
		}
		now := sources(root)
		if maps.Equal(now, last) && !maps.Equal(now, before) {
			return now
		}
		last = now
	}
}
