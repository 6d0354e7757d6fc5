package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"hanok/dc"
	"hanok/internal/durable"
	"hanok/internal/random"
	"hanok/manager"
	"hanok/manager/store"
)

// firstUser is the user that a new data center has.
const firstUser = "administrator"

// firstLogin makes the first user of a new data center and writes its login for the administrator, before the user exists: a
// crash in between leaves a password that is taken up at the next start, not a user whose password nobody knows.
func (a *app) firstLogin(ctx context.Context, data *dataFolder, m *manager.Manager, url string) (login, error) {
	path := data.file("first-login.json")
	first := login{User: firstUser, Password: random.Password()}
	if err := readJSON(path, &first); err == nil && first.URL == url && hasUsers(m.Store.View()) {
		return first, nil
	}
	first.URL = url
	if !hasUsers(m.Store.View()) || fileExists(path) {
		if err := writeLogin(data, "first-login.json", first); err != nil {
			return login{}, err
		}
	}
	if hasUsers(m.Store.View()) {
		return first, nil
	}
	_, err := m.Access.Bootstrap(ctx, first.User, first.Password)
	return first, err
}

// firstLogin returns the file with the first user's login, or nil when its password was changed.
func (d *dataFolder) firstLogin() ([]byte, error) {
	b, err := os.ReadFile(d.file("first-login.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func hasUsers(v *store.View) bool {
	for range store.List[*dc.User](v) {
		return true
	}
	return false
}

// forgetFirstLogin removes first-login.json when its password is no longer the user's.
func forgetFirstLogin(ctx context.Context, data *dataFolder, st *store.Store) error {
	for {
		v := st.View()
		initial := false
		for u := range store.List[*dc.User](v) {
			initial = initial || u.Initial
		}
		if !initial {
			return durable.Remove(data.file("first-login.json"))
		}
		if err := st.Wait(ctx, v.Revision()); err != nil {
			return err
		}
	}
}

func writeLogin(data *dataFolder, name string, l login) error {
	b, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(data.file(name), append(b, '\n'), 0o600); err != nil {
		return dataError(data.path, err)
	}
	return nil
}
