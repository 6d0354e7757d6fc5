package native

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"hanok/api/hanok/v1"
	"hanok/api/hanok/v1/hanokv1connect"
	"hanok/dc"
)

// backups writes what the test says.
type backups func(by dc.Caller, w io.Writer) error

func (b backups) Write(_ context.Context, by dc.Caller, w io.Writer) error { return b(by, w) }

// The chunks of a backup are what was written, and an error in the middle is told.
func TestBackup(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789"), chunkSize/4)
	for _, failure := range []error{nil, &dc.Error{Kind: dc.WrongState, Message: "damaged"}} {
		f := serve(t, Backend{Backups: backups(func(by dc.Caller, w io.Writer) error {
			if by.Name != user {
				t.Errorf("the caller is %+v", by)
			}
			for _, part := range [][]byte{want[:1], want[1 : 2*chunkSize], want[2*chunkSize:]} {
				if _, err := w.Write(part); err != nil {
					return err
				}
			}
			return failure
		})})
		ctx, _ := f.context(t)
		stream, err := hanokv1connect.NewBackupServiceClient(f.http.Client(), f.http.URL).Backup(ctx, &hanokv1.BackupRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for stream.Receive() {
			if n := len(stream.Msg().Chunk); n > chunkSize {
				t.Errorf("a chunk has %d bytes", n)
			}
			got = append(got, stream.Msg().Chunk...)
		}
		if failure == nil && (stream.Err() != nil || !bytes.Equal(got, want)) {
			t.Errorf("%d bytes and %v, want %d", len(got), stream.Err(), len(want))
		}
		if failure != nil && stream.Err() == nil {
			t.Errorf("no error after %v", failure)
		}
	}
}

// A client that goes away ends the backup.
func TestBackupIsLeft(t *testing.T) {
	ended := make(chan error, 1)
	f := serve(t, Backend{Backups: backups(func(_ dc.Caller, w io.Writer) error {
		for {
			if _, err := w.Write(make([]byte, chunkSize)); err != nil {
				ended <- err
				return err
			}
		}
	})})
	ctx, _ := f.context(t)
	ctx, cancel := context.WithCancel(ctx)
	stream, err := hanokv1connect.NewBackupServiceClient(f.http.Client(), f.http.URL).Backup(ctx, &hanokv1.BackupRequest{})
	if err != nil || !stream.Receive() {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the writer ends with %v", err)
	}
}
