package audit

import (
	"bytes"
	"path"
	"path/filepath"
	"slices"

	"hanok/dc"
)

// maxListed is how many records a list has at most.
const maxListed = 10_000

// Access says who may do what: access.Service.
type Access interface {
	Authorize(by dc.Caller, p dc.Privilege, on dc.ID) error
}

// Service is what users may ask about the audit log. It is safe for concurrent use.
type Service struct {
	*Log
	access Access
}

// NewService returns the service over a log.
func NewService(l *Log, acc Access) *Service { return &Service{l, acc} }

// List returns the newest records that q asks for, newest first: those of the files, of which one is in memory at a time. Kinds: Invalid
// for a limit below 1 or above 10,000 and for a pattern that is none. Privilege: PrivDiagnostics on the root folder.
func (s *Service) List(by dc.Caller, q dc.AuditQuery) ([]dc.AuditRecord, error) {
	if err := s.access.Authorize(by, dc.PrivDiagnostics, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	if q.Limit < 1 || q.Limit > maxListed {
		return nil, dc.Errorf(dc.Invalid, "the limit %d is not possible", q.Limit).Fix("give one of 1 to %d", maxListed)
	}
	if _, err := path.Match(q.Call, ""); err != nil {
		return nil, dc.Errorf(dc.Invalid, "%q is no pattern", q.Call).Fix(`give one such as "UserService.*"`)
	}
	s.kept.RLock()
	defer s.kept.RUnlock()
	all, err := names(s.folder)
	if err != nil {
		return nil, err
	}
	var out []dc.AuditRecord
	for _, name := range slices.Backward(all) {
		data, err := read(filepath.Join(s.folder, name))
		if err != nil {
			return nil, err
		}
		for _, line := range slices.Backward(bytes.Split(data, []byte("\n"))) {
			r, _, ok := decode(line)
			if !ok || !wants(q, r) {
				continue
			}
			if out = append(out, r); len(out) == q.Limit {
				return out, nil
			}
		}
	}
	return out, nil
}

// wants reports whether a query asks for the record.
func wants(q dc.AuditQuery, r dc.AuditRecord) bool {
	switch {
	case q.User != "" && r.User != q.User, q.Result != "" && r.Result != q.Result, q.Request != "" && r.Request != q.Request,
		!q.Since.IsZero() && r.Time.Before(q.Since), !q.Until.IsZero() && r.Time.After(q.Until):
		return false
	}
	if q.Object != "" {
		named := false
		for _, value := range r.Objects {
			named = named || value == q.Object
		}
		if !named {
			return false
		}
	}
	fits, err := path.Match(q.Call, r.Call)
	return q.Call == "" || err == nil && fits
}

// Verify checks the chain as the function of the same name does, up to the record that is the newest now, which the manager remembers:
// it finds, too, that the end is missing. Privilege: PrivDiagnostics on the root folder.
func (s *Service) Verify(by dc.Caller, known string) (*dc.AuditReport, error) {
	if err := s.access.Authorize(by, dc.PrivDiagnostics, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	v, err := newVerifier(known)
	if err != nil {
		return nil, err
	}
	s.kept.RLock()
	defer s.kept.RUnlock()
	s.mu.Lock()
	all, err := names(s.folder)
	length, chain := s.length, s.chain
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	for i, name := range all {
		data, err := read(filepath.Join(s.folder, name))
		if err != nil {
			return nil, err
		}
		if i == len(all)-1 {
			data = data[:min(length, int64(len(data)))]
		}
		v.file(name, data)
	}
	report := v.end()
	if v.chain != chain {
		v.name = ""
		v.problem(0, chain.number, "the log does not end with the record that the manager has written last: its end was changed or removed")
	}
	return report, nil
}
