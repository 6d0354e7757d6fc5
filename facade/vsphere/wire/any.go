package wire

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// AppendAny is Append with xsi:type for a value that may be a list: that is one element of the API's type for such lists, "ArrayOfString".
func AppendAny(b []byte, v Version, name string, value any) []byte {
	if value == nil {
		return b
	}
	list := reflect.ValueOf(value)
	if list.Kind() != reflect.Slice {
		return Append(b, v, name, value, true)
	}
	element, typed := elementOf(list.Type())
	array := "ArrayOf" + strings.ToUpper(element[:1]) + element[1:]
	b = opening(b, name, array, true)
	for i := range list.Len() {
		e := list.Index(i)
		b = planOf(e.Type())(b, v, e, element, typed)
	}
	return closing(b, name)
}

// elementOf returns how the elements of a list are called, and whether each says its type.
func elementOf(list reflect.Type) (name string, typed bool) {
	switch e := list.Elem(); e.Kind() {
	case reflect.Interface:
		if e == reflect.TypeFor[types.AnyType]() {
			return "anyType", true
		}
		return strings.TrimPrefix(e.Name(), "Base"), true
	case reflect.Struct:
		return e.Name(), false
	case reflect.Uint8:
		return "byte", false
	case reflect.Int16:
		return "short", false
	case reflect.Int32:
		return "int", false
	case reflect.Int64:
		return "long", false
	case reflect.String:
		if e == stringType {
			return "string", false
		}
		return e.Name(), false // an enumeration
	default:
		panic(fmt.Sprintf("wire: no list of the API has elements of %v", e))
	}
}
