package vsphere

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
	"hanok/facade/vsphere/model"
	"hanok/facade/vsphere/property"
	"hanok/facade/vsphere/wire"
)

// fault is an error that has the API's own form already.
type fault struct {
	types.BaseMethodFault
	message string
}

func (f *fault) Error() string { return f.message }

func faultf(f types.BaseMethodFault, format string, args ...any) error {
	return &fault{f, fmt.Sprintf(format, args...)}
}

// message returns what an error of the data center says to the caller, without the names of objects that he may not see, unless he has named
// them himself.
func (c *call) message(err error) string {
	f := dc.FailureOf(err)
	if c.by.Name != "" { // nobody is told nothing about objects
		shown, err := c.Access.ShownFailure(c.by, f, slices.Collect(maps.Values(c.objects)))
		if err != nil {
			return model.Message(err)
		}
		f = shown
	}
	return f.Err().Error()
}

// fault returns the fault that the caller gets for an error, and its message.
func (c *call) fault(err error) (types.BaseMethodFault, string) {
	var own *fault
	var path *property.InvalidPathError
	var spec *property.InvalidSpecError
	var gone *property.NotFoundError
	var version *property.InvalidVersionError
	switch {
	case errors.As(err, &own):
		return own.BaseMethodFault, own.message
	case errors.As(err, &path):
		return &types.InvalidProperty{Name: path.Path}, err.Error()
	case errors.As(err, &spec):
		return &types.InvalidArgument{InvalidProperty: spec.Field}, err.Error()
	case errors.As(err, &gone):
		return &types.ManagedObjectNotFound{Obj: gone.Ref}, err.Error()
	case errors.As(err, &version):
		return &types.InvalidCollectorVersion{}, err.Error()
	}
	var this types.ManagedObjectReference
	if c.request != nil {
		this = c.request.This
	}
	return model.Fault(err, this), c.message(err)
}

// appendFault appends a SOAP fault. The type of its detail is the fault's, with "Fault" behind it.
func appendFault(b []byte, v wire.Version, f types.BaseMethodFault, message string) []byte {
	b = append(b, "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>"...)
	b = append(wire.AppendText(b, message), "</faultstring><detail>"...)
	name := faultElement(f)
	text := wire.Append(nil, v, name, f, true)
	b = append(append(append(b, '<'), name...), ` xmlns="urn:vim25"`...)
	b = append(b, text[1+len(name):]...)
	return append(b, "</detail></soapenv:Fault>"...)
}

// faultElement returns the element of a fault's detail: "NotAuthenticatedFault".
func faultElement(f types.BaseMethodFault) string {
	name := fmt.Sprintf("%T", f)[len("*types."):]
	return name + "Fault"
}

// internal reports whether an error is a defect or an unforeseen failure.
func internal(err error) bool {
	var own *fault
	var path *property.InvalidPathError
	var spec *property.InvalidSpecError
	var gone *property.NotFoundError
	var version *property.InvalidVersionError
	return !errors.As(err, &own) && !errors.As(err, &path) && !errors.As(err, &spec) && !errors.As(err, &gone) && !errors.As(err, &version) &&
		dc.KindOf(err) == dc.Internal
}
