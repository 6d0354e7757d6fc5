package vsphere

import "fmt"

// methods are all that there are, by their names: each file registers those of its managed object. A name belongs to several types
// where what they do is told apart by the object.
var methods = map[string]method{}

func register(some map[string]method) {
	for name, m := range some {
		if _, there := methods[name]; there {
			panic(fmt.Sprintf("vsphere: the method %s is registered twice", name))
		}
		methods[name] = m
	}
}
