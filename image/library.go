package image

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// program is a dynamically linked program and all it needs to run.
type program struct {
	data        []byte
	interpreter string            // absolute path of the dynamic loader
	loader      []byte            // the loader itself
	libraries   map[string][]byte // by the name that the dynamic loader looks for
}

// readProgram reads the program at name from the packages with the shared libraries that it needs, to any depth.
func readProgram(packages files, name string) (program, error) {
	data, err := packages.open(name)
	if err != nil {
		return program{}, err
	}
	p := program{data: data, libraries: map[string][]byte{}}
	object, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return program{}, fmt.Errorf("%s: %w", name, err)
	}
	for _, segment := range object.Progs {
		if segment.Type == elf.PT_INTERP {
			raw, err := io.ReadAll(segment.Open())
			if err != nil {
				return program{}, fmt.Errorf("%s: %w", name, err)
			}
			p.interpreter = strings.TrimRight(string(raw), "\x00")
		}
	}
	if p.interpreter == "" {
		return program{}, fmt.Errorf("%s is not a dynamically linked program", name)
	}

	places := libraryPlaces(packages)
	var add func(data []byte, user string) error
	add = func(data []byte, user string) error {
		object, err := elf.NewFile(bytes.NewReader(data))
		if err != nil {
			return fmt.Errorf("%s: %w", user, err)
		}
		needed, err := object.ImportedLibraries()
		if err != nil {
			return fmt.Errorf("%s: %w", user, err)
		}
		for _, library := range needed {
			if _, ok := p.libraries[library]; ok {
				continue
			}
			place, ok := places[library]
			if !ok {
				return fmt.Errorf("%s needs %s, which no package has: remove the packages' folder and run make setup", user, library)
			}
			content, err := packages.open(place)
			if err != nil {
				return err
			}
			p.libraries[library] = content
			if err := add(content, library); err != nil {
				return err
			}
		}
		return nil
	}
	if err := add(data, name); err != nil {
		return program{}, err
	}
	// The loader is found by its base name: releases differ in which of /lib64, /lib and /usr/lib the package holds.
	place, ok := places[path.Base(p.interpreter)]
	if !ok {
		return program{}, fmt.Errorf("no package has %s", p.interpreter)
	}
	p.loader, err = packages.open(place)
	return p, err
}

// libraryPlaces finds shared libraries by base name. Of two places the first in order wins, for one result always.
func libraryPlaces(packages files) map[string]string {
	places := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		base := path.Base(name)
		if !strings.Contains(base, ".so") {
			continue
		}
		if _, taken := places[base]; taken {
			continue
		}
		if _, err := packages.open(name); err != nil {
			continue // a link to what another package would hold
		}
		places[base] = name
	}
	return places
}
