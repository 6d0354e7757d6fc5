package store

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// reporter stands between etcd and its log. Warnings and errors go to a slog.Logger. Where etcd would end the process
// without a word to the user (it logs with the level fatal or panic), the reporter keeps the reason, tells its owner, and
// ends only the goroutine.
type reporter struct {
	log    *slog.Logger
	failed func(error)
	// closing silences what etcd complains of while it is being closed.
	closing atomic.Bool

	once     sync.Once
	reported chan struct{} // closed with the first failure
	reason   error
}

func newReporter(log *slog.Logger, failed func(error)) *reporter {
	return &reporter{log: log, failed: failed, reported: make(chan struct{})}
}

// logger returns etcd's logger.
func (r *reporter) logger() *zap.Logger {
	return zap.New(slogCore{r.log, &r.closing}, zap.WithFatalHook(r), zap.WithPanicHook(r))
}

// err returns the first failure, or nil.
func (r *reporter) err() error {
	select {
	case <-r.reported:
		return r.reason
	default:
		return nil
	}
}

// OnWrite implements zapcore.CheckWriteHook: it is called instead of the end of the process.
func (r *reporter) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	r.once.Do(func() {
		r.reason = errors.New(entry.Message)
		for _, f := range fields {
			if err, ok := f.Interface.(error); ok && f.Type == zapcore.ErrorType {
				r.reason = &failure{entry.Message, err}
			}
		}
		close(r.reported)
		r.failed(r.reason)
	})
	runtime.Goexit()
}

// failure is a message of etcd with its cause.
type failure struct {
	message string
	cause   error
}

func (f *failure) Error() string { return f.message + ": " + f.cause.Error() }
func (f *failure) Unwrap() error { return f.cause }

// slogCore writes zap entries to a slog.Logger, from warnings on; only what ends etcd while quiet is set.
type slogCore struct {
	log   *slog.Logger
	quiet *atomic.Bool
}

func (c slogCore) Enabled(l zapcore.Level) bool {
	return l >= zapcore.DPanicLevel || l >= zapcore.WarnLevel && !c.quiet.Load()
}

func (c slogCore) Sync() error { return nil }

func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	return slogCore{c.log.With(attributes(fields)...), c.quiet}
}

// irrelevant are warnings about what an embedded etcd does not have (sockets, users), about a file that it looks at before
// it has written it for the first time, and about an election that is a tick too early.
var irrelevant = []string{
	"Running http and grpc server on single port.",
	"simple token is not cryptographically signed",
	"Failed to detect schema version",
	"failed to update storage version",
	"cannot campaign at term",
}

func (c slogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(e.Level) {
		return ce
	}
	for _, message := range irrelevant {
		if strings.Contains(e.Message, message) {
			return ce
		}
	}
	return ce.AddCore(e, c)
}

func (c slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	write := c.log.Warn
	if e.Level >= zapcore.ErrorLevel {
		write = c.log.Error
	}
	write("etcd: "+e.Message, attributes(fields)...)
	return nil
}

func attributes(fields []zapcore.Field) []any {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(enc)
	}
	args := make([]any, 0, 2*len(enc.Fields))
	for k, v := range enc.Fields {
		if text, ok := v.(string); ok && len(text) > maxAttribute {
			v = fmt.Sprintf("%s... (%d bytes)", strings.ToValidUTF8(text[:maxAttribute], ""), len(text))
		}
		args = append(args, k, v)
	}
	return args
}

// maxAttribute bounds what etcd says of one thing: it warns of a slow transaction with all of its keys.
const maxAttribute = 512
