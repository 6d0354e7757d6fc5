package dispatch_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"hanok/dc"
)

// TestDiskOfAnotherHost: a machine starts as a disk of another host's machine, which comes by way of the manager; and no host gets another
// disk than it is to have.
func TestDiskOfAnotherHost(t *testing.T) {
	c := newCenter(t, time.Second)
	near, far, stranger := c.join("near"), c.join("far"), c.joinPuppet("stranger")
	c.datastore("datastore-1", near.id, "/one")
	c.datastore("datastore-2", far.id, "/two")
	ready := func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReady && s.Power == dc.PoweredOff }
	c.machine("vm-01", near.id, "datastore-1", c.image("the content"))
	c.untilVM("vm-01", "files", ready)

	near.stop() // for a while: the copy waits
	c.untilConnection(near.id, dc.NotResponding)
	c.machine("vm-02", far.id, "datastore-2", dc.ContentOf("vm-01", dc.FirstDiskKey))
	get := func() (int, string, dc.ErrorKind) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url()+"/agent/disks/vm-01/2000", nil)
		c.ok(err)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: stranger.config.Clone()}}
		defer client.CloseIdleConnections()
		response, err := client.Do(request)
		c.ok(err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		c.ok(err)
		var f struct{ Kind dc.ErrorKind }
		_ = json.Unmarshal(body, &f)
		return response.StatusCode, string(body), f.Kind
	}
	if code, body, kind := get(); code != http.StatusServiceUnavailable || kind != dc.NotFound || strings.Contains(body, "content") && !strings.Contains(body, "no machine of this host") {
		t.Errorf("a host that needs no such disk got %d: %s", code, body)
	}
	near.start("")
	c.untilVM("vm-02", "files", ready)

	// What is not there is no file of the clone's, and said.
	c.machine("vm-03", far.id, "datastore-2", dc.ContentOf("vm-01", dc.FirstDiskKey+5))
	c.untilVM("vm-03", "failure", func(s dc.VirtualMachineStatus) bool {
		return s.Files == dc.FilesFailed && s.FilesFailure.Kind == dc.NotFound && strings.Contains(s.FilesFailure.Message, "no disk 2005")
	})
}
