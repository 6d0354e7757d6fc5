package store

import (
	"encoding/json"
	"fmt"
	"strings"

	"hanok/dc"
)

// permitUser makes a permission on the root folder of the role that a user of format 2 had everywhere.
func permitUser(old []byte) ([]dc.Object, error) {
	u := &struct {
		*dc.User
		Role string `json:"role"`
	}{User: &dc.User{}}
	if err := json.Unmarshal(old, u); err != nil {
		return nil, err
	}
	role, ok := map[string]dc.RoleID{"Admin": dc.RoleAdmin, "ReadOnly": dc.RoleReadOnly}[u.Role]
	_, suffix, _ := strings.Cut(string(u.ID), "-")
	if !ok || dc.ID(u.ID).Kind() != dc.KindUser {
		return nil, fmt.Errorf("user %q with the role %q", u.ID, u.Role)
	}
	return []dc.Object{u.User, &dc.Permission{
		ID: dc.PermissionID(dc.NewID(dc.KindPermission, suffix)), Meta: dc.Meta{Created: u.Created},
		Entity: dc.ID(dc.RootFolder), Principal: dc.ID(u.ID), Role: role, Propagate: true,
	}}, nil
}
