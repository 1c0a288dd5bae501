package runner

import (
	"context"
	"io"

	"github.com/rs/zerolog"
)

// observedLogger gives a context whose logger also tells the observer every line:
// what a node function writes through zerolog.Ctx, from INFO on when nobody set up
// a logger.
func (t *Task) observedLogger(ctx context.Context) context.Context {
	base := zerolog.Ctx(ctx)
	logger := *base
	if base.GetLevel() == zerolog.Disabled {
		logger = zerolog.New(io.Discard).Level(zerolog.InfoLevel)
	}
	return logger.Hook(zerolog.HookFunc(func(_ *zerolog.Event, level zerolog.Level, message string) {
		t.Observe(Event{Kind: LogLine, Node: t.Node, Total: t.Total, Level: level.String(), Message: message})
	})).WithContext(ctx)
}
