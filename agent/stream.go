package agent

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"

	"hanok/api/filestream"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
)

// streamTimeout bounds what comes before the first byte of a stream.
const streamTimeout = 10 * time.Second

// streamScreenshot is the kind of a stream that is not a console: one PNG, and the end.
const streamScreenshot = "screenshot"

// openStream opens what the stream is of, a machine's console for example, and then the connection that the manager gave the
// ticket for, and joins the two until either ends. An error means that there never was a connection. The stream does not
// depend on the control connection.
func (a *Agent) openStream(ctx context.Context, request *agentv1.OpenStream) error {
	opening, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	local, err := a.openSource(opening, request)
	if err != nil {
		return err
	}
	defer local.Close()
	ws, response, err := websocket.Dial(opening, a.cfg.Manager+"/agent/stream/"+url.PathEscape(request.Ticket),
		&websocket.DialOptions{HTTPClient: a.session.Load().data})
	if err != nil {
		if response != nil && response.StatusCode == http.StatusNotFound {
			return nil // nobody waits for it any more
		}
		return dc.Errorf(dc.Unavailable, "the host can't open the stream: %w", err)
	}
	defer ws.CloseNow()
	pump(ctx, local, ws)
	return nil
}

func (a *Agent) openSource(ctx context.Context, request *agentv1.OpenStream) (io.ReadWriteCloser, error) {
	machine, kind := dc.VirtualMachineID(request.MachineId), request.Kind
	switch kind {
	case streamStatistics:
		return a.statistics.open(request.StatisticsQuery)
	case streamInspect:
		return a.openInspection(ctx)
	case filestream.Kind:
		return a.openFiles(ctx)
	case string(dc.ConsoleVNC), string(dc.ConsoleSerial):
		return a.cfg.Hypervisor.OpenConsole(ctx, machine, dc.ConsoleKind(kind))
	case streamScreenshot:
		var png bytes.Buffer
		if err := a.cfg.Hypervisor.Screenshot(ctx, machine, &png); err != nil {
			return nil, err
		}
		return picture{&png}, nil
	}
	return nil, dc.Errorf(dc.Unsupported, "no stream of kind %q", kind).Fix("upgrade this host")
}

// picture is a stream that ends after its content and takes nothing.
type picture struct{ io.Reader }

func (picture) Write(p []byte) (int, error) { return len(p), nil }
func (picture) Close() error                { return nil }

// pump copies both ways until one side ends, and closes both then.
func pump(ctx context.Context, local io.ReadWriteCloser, ws *websocket.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	remote := websocket.NetConn(ctx, ws, websocket.MessageBinary)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		io.Copy(local, remote)
		local.Close()
	}()
	stop := context.AfterFunc(ctx, func() { local.Close() })
	defer stop()
	_, err := io.Copy(remote, local)
	if err == nil {
		ws.Close(websocket.StatusNormalClosure, "") // sends all that was written, and the end
	} else {
		ws.CloseNow()
	}
	<-ended
}
