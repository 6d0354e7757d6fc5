package e2e

import (
	"crypto/md5"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// guestLog is a program in a guest that writes numbered records with checksums to its disk, and says on the console which
// of them are there to stay.
type guestLog struct {
	term *terminal
	// acknowledged is the last record that was seen to be safe.
	acknowledged int
}

// newGuestLog starts the program.
func newGuestLog(term *terminal) *guestLog {
	term.t.Helper()
	term.login()
	term.run(`(n=0; while :; do n=$((n+1)); r="$n $(cat /proc/uptime)"; s=$(echo "$r" | md5sum); ` +
		`echo "$r ${s%% *}" >>/data/log; sync; echo "safe-$n."; sleep 0.1; done) & true`)
	l := &guestLog{term: term}
	l.progress()
	return l
}

// reattach looks at the program through another console.
func (l *guestLog) reattach(term *terminal) {
	l.note()
	l.term = term
}

// progress waits until one more record is safe.
func (l *guestLog) progress() {
	l.term.t.Helper()
	l.term.await("safe-")
	l.term.await(".")
	l.note()
}

var safe = regexp.MustCompile(`safe-(\d+)\.`)

// note notes which records are safe by what the console has printed.
func (l *guestLog) note() {
	l.term.mu.Lock()
	defer l.term.mu.Unlock()
	all := safe.FindAllStringSubmatch(l.term.printed.String(), -1)
	if len(all) == 0 {
		return
	}
	n, err := strconv.Atoi(all[len(all)-1][1])
	if err != nil {
		l.term.t.Fatal(err)
	}
	l.acknowledged = max(l.acknowledged, n)
}

// verify checks what the program has written.
func (l *guestLog) verify(t *testing.T, log string) {
	t.Helper()
	l.note()
	lines := strings.Split(log, "\n")
	t.Logf("%d records, %d of them acknowledged", len(lines), l.acknowledged)
	if len(lines) < l.acknowledged {
		t.Errorf("the guest's disk has %d records, and %d are acknowledged", len(lines), l.acknowledged)
	}
	for i, line := range lines[:min(len(lines), l.acknowledged)] {
		at := strings.LastIndexByte(line, ' ')
		if at < 0 {
			t.Fatalf("record %d is %q", i+1, line)
		}
		sum := md5.Sum([]byte(line[:at] + "\n"))
		if number, _, _ := strings.Cut(line, " "); number != strconv.Itoa(i+1) || hex.EncodeToString(sum[:]) != line[at+1:] {
			t.Fatalf("record %d is %q", i+1, line)
		}
	}
}
