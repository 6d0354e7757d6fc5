package agent

import (
	"hanok/dc"
	"hanok/internal/sabotage"
)

// sabotaged returns a record as an agent reads it that starts and is to break a promise, and in every other program as it is.
func sabotaged(rec record) record {
	switch {
	case sabotage.Is(sabotage.RepeatedRequest):
		rec.Begun, rec.Outcome.Generation = 0, 0
	case sabotage.Is(sabotage.StartedAnyway) && rec.Power == dc.PoweredOff:
		rec.Assignment.Power = dc.PowerRequest{Generation: rec.Outcome.Generation + 1, Op: dc.PowerOn}
	case sabotage.Is(sabotage.AbsentDeleted):
		rec.Assignment.Deleted = true
	}
	return rec
}
