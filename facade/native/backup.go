package native

import (
	"bufio"
	"context"

	"connectrpc.com/connect"

	"hanok/api/hanok/v1"
)

// chunkSize is how many bytes of a backup one message holds at most.
const chunkSize = 256 << 10

func (s *service) Backup(ctx context.Context, _ *hanokv1.BackupRequest, stream *connect.ServerStream[hanokv1.BackupResponse]) error {
	w := bufio.NewWriterSize(chunks{stream}, chunkSize)
	if err := s.Backups.Write(ctx, caller(ctx), w); err != nil {
		return err
	}
	return w.Flush()
}

// chunks sends what is written.
type chunks struct {
	stream *connect.ServerStream[hanokv1.BackupResponse]
}

func (c chunks) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; rest = rest[min(chunkSize, len(rest)):] {
		if err := c.stream.Send(&hanokv1.BackupResponse{Chunk: rest[:min(chunkSize, len(rest))]}); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
