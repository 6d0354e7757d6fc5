package wire

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// MaxRequest is how many bytes a request may have: the largest ones, the description of a package, have some hundred thousand.
const MaxRequest = 4 << 20

// maxDepth is how deep elements may stand in each other.
const maxDepth = 64

// Request is one call.
type Request struct {
	// Method is the name of the element, such as "PowerOnVM_Task".
	Method string
	// This is the managed object that is called.
	This types.ManagedObjectReference
	// Body points to govmomi's type for the method's parameters.
	Body any
}

// ReadRequest reads a SOAP 1.1 envelope with one call of the vSphere API. The error says what is wrong with it.
func ReadRequest(r io.Reader) (*Request, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxRequest+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the request breaks off: %w", err)
	case len(text) > MaxRequest:
		return nil, fmt.Errorf("the request has more than %d bytes", MaxRequest)
	}
	if err := checkElements(text); err != nil {
		return nil, err
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.TypeFunc = types.TypeFunc()
	if _, err := element(d, "Envelope"); err != nil {
		return nil, err
	}
	if _, err := element(d, "Body"); err != nil {
		return nil, err
	}
	start, err := element(d, "")
	if err != nil {
		return nil, err
	}
	typ, ok := types.TypeFunc()(start.Name.Local)
	if !ok || typ.Kind() != reflect.Struct {
		return nil, fmt.Errorf("the vSphere API has no method %q", start.Name.Local)
	}
	if this, ok := typ.FieldByName("This"); !ok || this.Type != reflect.TypeFor[types.ManagedObjectReference]() {
		return nil, fmt.Errorf("%q is no method of the vSphere API", start.Name.Local)
	}
	body := reflect.New(typ)
	if err := d.DecodeElement(body.Interface(), start); err != nil {
		return nil, fmt.Errorf("%s: %w", start.Name.Local, err)
	}
	return &Request{
		Method: start.Name.Local, Body: body.Interface(), This: body.Elem().FieldByName("This").Interface().(types.ManagedObjectReference),
	}, nil
}

// checkElements reads all elements without making anything of them. The library would leave out an object of a type that it does not know.
func checkElements(text []byte) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	for depth := 0; ; {
		token, err := d.RawToken()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the request is no XML: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			for _, a := range t.Attr {
				if a.Name.Local == "type" && a.Name.Space != "" && !knownType(a.Value) {
					return fmt.Errorf("%s: the vSphere API has no type %q", t.Name.Local, a.Value)
				}
			}
			if depth++; depth > maxDepth {
				return fmt.Errorf("the request has more than %d elements in each other", maxDepth)
			}
		case xml.EndElement:
			depth--
		case xml.Directive:
			return fmt.Errorf("the request has a document type, which SOAP forbids")
		}
	}
}

// knownType reports whether the value of an xsi:type means something.
func knownType(name string) bool {
	if prefix, _, ok := strings.Cut(name, ":"); ok && (prefix == "xsd" || prefix == "xs") {
		return true // what is none of these is no value of any field either
	}
	_, ok := types.TypeFunc()(name)
	return ok
}

// element returns the next element with the name at this level, or the next of all for "".
func element(d *xml.Decoder, name string) (*xml.StartElement, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("the request has no %s: %w", nameOr(name, "call"), err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if name == "" || t.Name.Local == name {
				return &t, nil
			}
			if err := d.Skip(); err != nil {
				return nil, fmt.Errorf("the request breaks off in %s: %w", t.Name.Local, err)
			}
		case xml.EndElement:
			return nil, fmt.Errorf("the request has no %s", nameOr(name, "call"))
		}
	}
}
