package dc

import "time"

// Frame is all that a host has measured in one interval.
type Frame struct {
	// End is when the interval ended, and Period how long it was.
	End    time.Time
	Period time.Duration
	// Figures have each object, counter and instance once.
	Figures []Figure
}
