package guest

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Log is a program in a guest that writes numbered records with checksums to its disk, syncs each, and says on the console which
// it has begun and which are there to stay. Its methods are for one goroutine at a time, and none else may use the terminal.
type Log struct {
	name string
	term *Terminal
	// parsed is how much of what the terminal has printed is in the numbers below.
	parsed int
	// begun is the last record that was seen to be begun, and acknowledged the last that was seen to be safe.
	begun, acknowledged int
	// since is set when the terminal has shown nothing from before the program's start, or something of the program already: the
	// guest's boot is none that is known of.
	since bool
	// base is the last record that was begun or there when the program was started.
	base int
	// text is what was read of the file, in whole records, and checked; records is how many they are.
	text    []byte
	records int
}

// program needs the number of the last record that is there, and the size of the file up to its end: what came after that was
// torn when the guest lost its power.
const program = `touch /data/log; head -c %[2]d /data/log >/data/log.new; mv /data/log.new /data/log; sync
(n=%[1]d; while :; do n=$((n+1)); r="$n $(cat /proc/uptime)"; s=$(echo "$r" | md5sum); echo "begun-$n."; ` +
	`echo "$r ${s%%%% *}" >>/data/log; sync; echo "safe-$n."; sleep 0.3; done) & true`

// StartLog logs in and starts the program in a guest that has just booted for the first time. The name is for messages.
func StartLog(term *Terminal, name string) *Log {
	term.t.Helper()
	l := &Log{name: name}
	l.Resume(term)
	return l
}

// Resume logs in to the guest after another boot, whose end is still to be read on the terminal, checks what is there, and starts
// the program again.
func (l *Log) Resume(term *Terminal) {
	term.t.Helper()
	l.Reattach(term, false)
	term.Login()
	l.Verify()
	term.mu.Lock()
	l.parsed, l.base = term.printed.Len(), max(l.records, l.begun) // what was printed before is not the program's
	term.mu.Unlock()
	term.Run(fmt.Sprintf(program, l.records, len(l.text)))
	l.Progress()
}

// Reattach looks at the program through another console. anew says that it shows nothing from before the program's start, as that
// of an agent does which was started later.
func (l *Log) Reattach(term *Terminal, anew bool) {
	if l.term != nil {
		l.Note()
	}
	l.term, l.parsed, l.since = term, 0, anew
}

// Progress waits until one more record is safe.
func (l *Log) Progress() {
	l.term.t.Helper()
	l.Note()
	before := l.acknowledged
	l.follow("is safe", func() bool { return l.acknowledged > before })
}

// Begun waits until the program begins a record.
func (l *Log) Begun() {
	l.term.t.Helper()
	l.Note()
	before := l.begun
	l.follow("is begun", func() bool { return l.begun > before })
}

// Acknowledged returns how many records the program has said to be safe.
func (l *Log) Acknowledged() int { return l.acknowledged }

// follow notes what the console prints until done.
func (l *Log) follow(what string, done func() bool) {
	l.term.t.Helper()
	deadline := time.After(patience)
	for {
		changed, err := l.note()
		if done() {
			return
		}
		if err != nil {
			l.term.t.Fatalf("%s: %v, before the next record %s after %d", l.name, err, what, l.acknowledged)
		}
		select {
		case <-changed:
		case <-deadline:
			l.term.t.Fatalf("%s: no record %s any more after %d; the console has\n%s", l.name, what, l.acknowledged, l.term.last(1000))
		}
	}
}

// ErrBooted is why the program says nothing any more: an argument of the message.
var ErrBooted = errors.New("its guest has booted anew, which nobody has asked for")

// said is what the program says, or what a guest says at the end of its boot.
var said = regexp.MustCompile(`(begun|safe)-(\d+)\.\r?\n?|hanok-starter: ready`)

// Note notes what the console has printed up to now.
func (l *Log) Note() { _, _ = l.note() }

// note is Note. It returns what is closed when there is more, or why there won't be any.
func (l *Log) note() (changed <-chan struct{}, err error) {
	l.term.mu.Lock()
	defer l.term.mu.Unlock()
	text, from := l.term.printed.String(), l.parsed
	for _, at := range said.FindAllStringSubmatchIndex(text[from:], -1) {
		if at[2] < 0 { // the end of a boot
			if l.since {
				return nil, ErrBooted
			}
			continue
		}
		word, number := text[from+at[2]:from+at[3]], text[from+at[4]:from+at[5]]
		n, err := strconv.Atoi(number)
		if err != nil {
			return nil, err
		}
		l.since = l.since || n > l.base
		l.begun = max(l.begun, n)
		if word == "safe" {
			l.acknowledged = max(l.acknowledged, n)
		}
		l.parsed = from + at[1]
	}
	return l.term.changed, l.term.err
}

// last returns the last n bytes that were printed.
func (term *Terminal) last(n int) string {
	term.mu.Lock()
	defer term.mu.Unlock()
	text := term.printed.String()
	return text[max(0, len(text)-n):]
}

// Verify reads the file from the guest's disk, which must have been logged in to, and checks every record: those that were
// acknowledged are there, once, in their order and whole. The program may go on meanwhile.
func (l *Log) Verify() {
	t := l.term.t
	t.Helper()
	l.Note()
	acknowledged := l.acknowledged
	out := l.term.Run(fmt.Sprintf("sync; echo 3 >/proc/sys/vm/drop_caches; touch /data/log; head -c %d /data/log | md5sum; tail -c +%d /data/log; echo '|'",
		len(l.text), len(l.text)+1))
	// Between any two letters may stand what the program has said.
	sum, tail, _ := strings.Cut(said.ReplaceAllString(out, ""), "\n")
	if was := md5.Sum(l.text); strings.Fields(sum)[0] != hex.EncodeToString(was[:]) {
		t.Errorf("%s: the first %d records are not what they were", l.name, l.records)
	}
	for line := range strings.Lines(tail) {
		if !whole(line, l.records+1) {
			break // the last one may be half written
		}
		l.text = append(l.text, line...)
		l.records++
	}
	if l.records < acknowledged {
		t.Errorf("%s: the guest's disk has %d whole records in their order, and %d are acknowledged; what was read ends with\n%s",
			l.name, l.records, acknowledged, tail[max(0, len(tail)-300):])
		return
	}
	t.Logf("%s: %d records, %d of them acknowledged", l.name, l.records, acknowledged)
}

// whole reports whether a line is the record of that number.
func whole(line string, number int) bool {
	at := strings.LastIndexByte(line, ' ')
	if at < 0 || !strings.HasSuffix(line, "\n") {
		return false
	}
	sum := md5.Sum([]byte(line[:at] + "\n"))
	n, _, _ := strings.Cut(line, " ")
	return n == strconv.Itoa(number) && line[at+1:] == hex.EncodeToString(sum[:])+"\n"
}
