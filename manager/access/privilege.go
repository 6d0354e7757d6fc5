package access

import "hanok/dc"

// Privileges returns what a user may do with an object, in the order of identifiers: what follows from all permissions. Users may
// ask for themselves (""); to ask for others needs PrivUsers on the object. The object must be one that the caller may see.
func (s *Service) Privileges(by dc.Caller, user dc.UserID, on dc.ID) ([]dc.Privilege, error) {
	if err := s.Authenticated(by); err != nil {
		return nil, err
	}
	v := s.store.View()
	if user == "" || user == by.User {
		if err := s.Authorize(by, dc.PrivView, on); err != nil {
			return nil, err
		}
		return s.rights(v, by).On(on).Privileges(), nil
	}
	if err := s.Authorize(by, dc.PrivUsers, on); err != nil {
		return nil, err
	}
	if v.Find(dc.ID(user)) == nil {
		return nil, notThere(dc.ID(user))
	}
	return s.rights(v, dc.Caller{User: user}).On(on).Privileges(), nil
}
