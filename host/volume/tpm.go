package volume

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// TPM opens the folder with what the machine's Trusted Platform Module keeps, for the program that is one to have by descriptor. The
// folder and the files in it become the user's and nobody else's, since that program replaces them. A machine that has none yet gets
// an empty one.
func (f *Files) TPM(user uint32) (*os.File, error) {
	folder, err := f.tpm(user)
	return folder, f.l.failure(f.m, "opening the state of the TPM", err)
}

func (f *Files) tpm(user uint32) (*os.File, error) {
	if err := f.dir.Mkdir(f.names.tpm(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	dir, err := f.dir.Dir(f.names.tpm())
	if err != nil {
		return nil, err
	}
	files, err := dir.List()
	if err == nil {
		err = dir.File().Chown(int(user), int(user))
	}
	for _, info := range files {
		if err == nil && info.Mode().IsRegular() {
			err = unix.Fchownat(int(dir.File().Fd()), info.Name(), int(user), int(user), unix.AT_SYMLINK_NOFOLLOW)
		}
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir.File(), nil
}
