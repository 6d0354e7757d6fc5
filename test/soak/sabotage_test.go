//go:build sabotage

package soak

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hanok/internal/sabotage"
	"hanok/internal/testhost"
)

// noticed says by which promise each sabotage is to be noticed, and under which blows.
var noticed = map[sabotage.Name]struct {
	promise promise
	blows   string
}{
	sabotage.LostWrite:       {writesStay, "manager, while"},
	sabotage.UnsyncedStore:   {writesStay, "manager's power"},
	sabotage.ForgottenTask:   {tasksEnd, "manager, while"},
	sabotage.RepeatedRequest: {doneOnce, "agent, while it resets;agent, while a task"},
	sabotage.SecondQEMU:      {oneWriter, "agent, while a task"},
	sabotage.RestartedGuests: {guestsOutlive, "agent, while a task"},
	sabotage.StartedAnyway:   {offStaysOff, "host's power"},
	sabotage.AbsentDeleted:   {absenceNoOrder, "agent, while a task"},
	sabotage.UnsafeCache:     {recordsStay, "host's power"},
}

// TestSabotage breaks each promise on purpose: a short soak with a program that does has to fail, and to say which promise it is. The
// same program that breaks none passes. HANOK_SABOTEUR is that program, built with the tag sabotage.
func TestSabotage(t *testing.T) {
	testhost.Require(t)
	soak := func(t *testing.T, name sabotage.Name, blows string, kills int) (out string, failed bool) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestSoak$", "-test.v", "-test.timeout", "10m")
		cmd.Env = append(os.Environ(), "HANOK_SABOTAGE="+string(name), "HANOK_PROGRAM="+os.Getenv("HANOK_SABOTEUR"), "HANOK_BLOWS="+blows,
			"HANOK_HOSTS=1", "HANOK_SEED=1", "HANOK_KILLS="+strconv.Itoa(kills))
		b, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(b), err != nil
	}
	var all []string
	for _, name := range sabotage.Names {
		t.Run(string(name), func(t *testing.T) {
			want, ok := noticed[name]
			if !ok {
				t.Fatal("nobody knows how it is to be noticed")
			}
			if !slices.Contains(all, want.blows) {
				all = append(all, want.blows)
			}
			out, failed := soak(t, name, want.blows, 3)
			found := broken.FindAllString(out, -1)
			if !failed || !slices.ContainsFunc(found, func(line string) bool { return strings.Contains(line, string(want.promise)) }) {
				t.Fatalf("it was to be noticed that this was broken: %s\n%s", want.promise, out)
			}
			t.Logf("| %s | %s |", name, found[0])
		})
	}
	t.Run("none", func(t *testing.T) {
		blows := strings.Join(all, ";")
		if out, failed := soak(t, "", blows, 1+strings.Count(blows, ";")); failed {
			t.Errorf("nothing was broken:\n%s", out)
		}
	})
}

// broken finds the messages about broken promises.
var broken = regexp.MustCompile(`BROKEN: .*`)
