package agent

import (
	"context"
	"encoding/json"
	"io"

	"hanok/dc"
)

// streamInspect is the kind of the stream with what the host looks like: one dc.Inspection as JSON, and the end. It is of no
// machine.
const streamInspect = "inspect"

// Inspector looks at the host itself, for a checker: at what the agent and its drivers have done, not at what they say. It
// is safe for concurrent use. What can't be looked at is part of the result.
type Inspector interface {
	Inspect(ctx context.Context) dc.Inspection
}

// inspection is the local end of such a stream. Reading waits for the inspection, which ends at Close.
type inspection struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (a *Agent) openInspection(ctx context.Context) (io.ReadWriteCloser, error) {
	if a.cfg.Inspector == nil {
		return nil, dc.Errorf(dc.Unsupported, "this host can't be inspected")
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // which is that of the opening
	r, w := io.Pipe()
	go func() { w.CloseWithError(json.NewEncoder(w).Encode(a.cfg.Inspector.Inspect(ctx))) }()
	return inspection{r, cancel}, nil
}

func (inspection) Write(p []byte) (int, error) { return len(p), nil }

func (i inspection) Close() error {
	i.cancel()
	return i.PipeReader.Close()
}
