package inventory

import (
	"context"

	"hanok/dc"
	"hanok/manager/store"
)

// Images returns all images by name. They are shared and must not be changed. The errors are those of
// access.Service.Authorize.
func (s *Service) Images(by dc.Caller) ([]*dc.Image, error) { return list[*dc.Image](s, by) }

// CreateImage makes an image known by its name, digest, size and guest identifier; its content is kept elsewhere, by the
// digest. Everything else in image is set here. Errors: Unauthenticated, Denied, Invalid, Exists for a name that is taken.
func (s *Service) CreateImage(ctx context.Context, by dc.Caller, image dc.Image) (*dc.Image, error) {
	if err := s.access.Authorize(by, dc.PrivImageCreate, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	if err := dc.CheckImage(&image); err != nil {
		return nil, err
	}
	image.ID, image.Meta = dc.ImageID(newID(dc.KindImage)), newMeta(image.Name, "")
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		created(tx, by, dc.EventGeneral, &image)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &image, nil
}
