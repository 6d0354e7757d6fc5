package backup

import (
	"context"
	"io"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/event"
	"hanok/manager/store"
)

// Config is what a Service backs up.
type Config struct {
	Store  *store.Store
	Access *access.Service
	// Images is the folder with the content of images, as package dispatch describes it.
	Images string
	// Login returns what Archive.Login is at the moment.
	Login func() ([]byte, error)
	// Version is that of the program.
	Version string
}

// Service makes backups. It is safe for concurrent use.
type Service struct{ cfg Config }

// NewService returns a Service.
func NewService(cfg Config) *Service { return &Service{cfg} }

// Write writes an archive of the manager as it is at one moment after the call; others may change everything meanwhile. It is
// recorded as an event, since it hands out every secret of the data center. What was written before an error is worth nothing.
// The kinds are those of access.Service.Authorize, store.Store.Dump and Archive.Write. Privilege: PrivBackup.
func (s *Service) Write(ctx context.Context, by dc.Caller, w io.Writer) error {
	if err := s.cfg.Access.Authorize(by, dc.PrivBackup, dc.ID(dc.RootFolder)); err != nil {
		return err
	}
	now := time.Now()
	err := s.cfg.Store.Change(ctx, func(tx *store.Tx) error {
		event.Add(tx, now, dc.Event{Type: dc.EventGeneral, User: by.Name, Message: "a backup of the data center was taken"})
		return nil
	})
	if err != nil {
		return err
	}
	d, err := s.cfg.Store.Dump(ctx)
	if err != nil {
		return err
	}
	a, err := New(d, s.cfg.Version, now)
	if err != nil {
		return err
	}
	if a.Login, err = s.cfg.Login(); err != nil {
		return err
	}
	return a.Write(w, s.cfg.Images)
}
