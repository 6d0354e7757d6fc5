package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// process passes on what the libraries say of this process: the Go runtime, the process itself, and of an embedded etcd how long its
// commits take and how large it is. The rest is many series that nobody looks at.
type process struct{ all prometheus.Gatherer }

var passed = []string{"go_", "process_", "etcd_disk_", "etcd_mvcc_db_total_size"}

// Gather implements prometheus.Gatherer.
func (p process) Gather() ([]*dto.MetricFamily, error) {
	all, err := p.all.Gather()
	out := all[:0]
	for _, f := range all {
		for _, prefix := range passed {
			if strings.HasPrefix(f.GetName(), prefix) {
				out = append(out, f)
				break
			}
		}
	}
	return out, err
}
