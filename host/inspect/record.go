package inspect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hanok/dc"
)

// record is the form of the agent's files about machines (agent/record.go), as far as it matters here.
type record struct {
	Assignment dc.Assignment   `json:"assignment"`
	Files      dc.FilesState   `json:"files"`
	Handle     []byte          `json:"handle"`
	BootID     string          `json:"bootId"`
	Starting   bool            `json:"starting"`
	Power      dc.PowerState   `json:"power"`
	Begun      int64           `json:"begun"`
	Outcome    dc.PowerOutcome `json:"outcome"`
}

// handle is the form of the QEMU driver's handles (host/qemu/handle.go).
type handle struct {
	Boot  string `json:"boot"`
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
}

// readRecords reads the agent's files about machines. boot is the host's present one.
func readRecords(dir, boot string) ([]dc.InspectedRecord, error) {
	var all []dc.InspectedRecord
	err := readJSON(filepath.Join(dir, "machines"), func(name string, data []byte, err error) {
		r, err := parseRecord(data, boot, err)
		if err == nil && string(r.Assignment.Machine.ID) != name {
			err = fmt.Errorf("it is about %q", r.Assignment.Machine.ID)
		}
		if err != nil {
			r = dc.InspectedRecord{Failure: err.Error()}
		}
		r.File = name
		all = append(all, r)
	})
	return all, err
}

func parseRecord(data []byte, boot string, err error) (dc.InspectedRecord, error) {
	var r record
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	var h handle
	if err == nil && len(r.Handle) > 0 {
		err = json.Unmarshal(r.Handle, &h)
	}
	return dc.InspectedRecord{
		Assignment: r.Assignment, Files: r.Files, Power: r.Power, Begun: r.Begun, Outcome: r.Outcome,
		On: len(r.Handle) > 0, Starting: r.Starting, ThisBoot: h.Boot == boot && r.BootID != "", PID: h.PID, Start: h.Start,
	}, err
}

// readJSON calls f for each JSON file of a folder, with the name without its ending. One that goes meanwhile is left out.
func readJSON(dir string, f func(name string, data []byte, err error)) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || strings.HasPrefix(name, ".") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if !errors.Is(err, fs.ErrNotExist) {
			f(name, data, err)
		}
	}
	return err
}
