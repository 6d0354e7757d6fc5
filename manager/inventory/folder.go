package inventory

import (
	"context"

	"hanok/dc"
	"hanok/manager/store"
)

// Folders returns all folders by name. They are shared and must not be changed. The errors are those of
// access.Service.Authorize.
func (s *Service) Folders(by dc.Caller) ([]*dc.Folder, error) { return list[*dc.Folder](s, by) }

// CreateFolder makes a folder in parent and of its type. Errors: Unauthenticated, Denied, Invalid for a name that cannot
// be, NotFound without the parent, Exists.
func (s *Service) CreateFolder(ctx context.Context, by dc.Caller, parent dc.FolderID, name string) (*dc.Folder, error) {
	if err := s.access.Authorize(by, dc.PrivFolderCreate, dc.ID(parent)); err != nil {
		return nil, err
	}
	if err := dc.CheckName(dc.KindFolder, name); err != nil {
		return nil, err
	}
	f := &dc.Folder{ID: dc.FolderID(newID(dc.KindFolder)), Meta: newMeta(name, dc.ID(parent))}
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		p, err := store.Get[*dc.Folder](tx.View(), dc.ID(parent))
		if err != nil {
			return err
		}
		f.Type = p.Type
		created(tx, by, dc.EventGeneral, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// DeleteFolder removes an empty folder. Errors: Unauthenticated, Denied, NotFound, WrongState while anything is in it and
// for the root folder and the folders that belong to a data center.
func (s *Service) DeleteFolder(ctx context.Context, by dc.Caller, id dc.FolderID) error {
	return s.delete(ctx, by, dc.KindFolder, dc.ID(id))
}

func deleteFolder(tx *store.Tx, by dc.Caller, id dc.FolderID) error {
	f, err := store.Load[*dc.Folder](tx, dc.ID(id))
	if err != nil {
		return err
	}
	if err := CheckOwn(tx.View(), f); err != nil {
		return err
	}
	return removed(tx, by, dc.EventGeneral, f, below(tx.View(), dc.ID(id)))
}

// CheckOwn returns an error of kind WrongState for a folder that nobody created by himself: it is not to be renamed or
// deleted alone.
func CheckOwn(v *store.View, f *dc.Folder) error {
	err := &dc.Error{Kind: dc.WrongState, Object: dc.Describe(dc.KindFolder, f.Name)}
	if f.ID == dc.RootFolder {
		err.Message = "it is the root of the inventory"
		return err
	}
	if d, ok := find(v, f.Parent); ok && d.Kind() == dc.KindDatacenter {
		err.Message = "it belongs to " + dc.Describe(dc.KindDatacenter, d.Metadata().Name)
		err.Remedy = "rename or delete the data center, or a folder that is in this one"
		return err
	}
	return nil
}
