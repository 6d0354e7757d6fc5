package soak

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"hanok/internal/testhost"
	"hanok/test/chance"
)

// checkEvery is how many blows are between two looks at everything.
const checkEvery = 10

// TestSoak kills the parts of a data center that runs. HANOK_SEED repeats an earlier run's choices, HANOK_KILLS says how many there
// are, HANOK_HOSTS how many hosts, and HANOK_BLOWS which kinds, by the first words of their names, separated by semicolons.
func TestSoak(t *testing.T) {
	testhost.Require(t)
	random, seed := chance.Random(t)
	kills := int(chance.Setting(t, "HANOK_KILLS", 10))
	hosts := []string{"alpha", "beta", "gamma"}[:chance.Setting(t, "HANOK_HOSTS", 3)]
	kinds := chosen(t, os.Getenv("HANOK_BLOWS"))
	t.Logf("HANOK_KILLS=%d HANOK_HOSTS=%d HANOK_BLOWS=%q", kills, len(hosts), os.Getenv("HANOK_BLOWS"))
	begin := time.Now()
	s := newSoak(t, hosts, random)
	count := map[string]int{}
	for i := range kills {
		b := draw(kinds, i, random)
		host := hosts[random.IntN(len(hosts))]
		t.Logf("%4d %7.1f s: %s (%s)", i+1, time.Since(begin).Seconds(), b.name, host)
		count[b.name]++
		s.strike()
		b.strike(s, host)
		s.processes()
		if (i+1)%checkEvery == 0 || i+1 == kills {
			s.check()
		}
		if t.Failed() {
			return
		}
	}
	for _, host := range hosts {
		s.guests[host].log.Verify()
	}
	t.Log(s.summary(seed, kills, count, time.Since(begin)))
}

// chosen returns the kinds of blows that begin with one of the words, or all.
func chosen(t *testing.T, words string) []blow {
	if words == "" {
		return slices.Clone(blows)
	}
	var kinds []blow
	for word := range strings.SplitSeq(words, ";") {
		i := slices.IndexFunc(blows, func(b blow) bool { return strings.HasPrefix(b.name, word) })
		if i < 0 {
			t.Fatalf("no kind of blow begins with %q", word)
		}
		kinds = append(kinds, blows[i])
	}
	return kinds
}

// draw returns the next blow: first each kind once, in an order by chance unless they were chosen, and then by their weights.
func draw(kinds []blow, i int, random *rand.Rand) blow {
	if i == 0 && len(kinds) == len(blows) {
		random.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	}
	if i < len(kinds) {
		return kinds[i]
	}
	sum := 0
	for _, b := range kinds {
		sum += b.weight
	}
	at := random.IntN(sum)
	for _, b := range kinds {
		if at -= b.weight; at < 0 {
			return b
		}
	}
	panic("weights are below their sum")
}

// summary is the outcome as a table of Markdown.
func (s *soak) summary(seed uint64, kills int, count map[string]int, took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d kills, seed %d, %s\n\n| killed | times |\n| --- | --- |\n", kills, seed, took.Round(time.Second))
	for _, kind := range blows {
		fmt.Fprintf(&b, "| %s | %d |\n", kind.name, count[kind.name])
	}
	b.WriteString("\n| acknowledged, and found to be there | |\n| --- | --- |\n")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, what := range slices.Sorted(maps.Keys(s.counts)) {
		fmt.Fprintf(&b, "| %s | %d |\n", what, s.counts[what])
	}
	records := 0
	for _, w := range s.guests {
		records += w.log.Acknowledged()
	}
	fmt.Fprintf(&b, "| guests' records | %d |\n", records)
	return b.String()
}
