package runner

import (
	"context"
	"io"

	"github.com/rs/zerolog"
)

// nodeLog is a logger of a run that also tells the observer every line: what a node's
// function writes through zerolog.Ctx.
type nodeLog struct {
	base   *zerolog.Logger
	logger zerolog.Logger
}

// logger gives the function's form of the logger in its context. It is made when the
// function asks for it, since most say nothing, and kept. Where nobody set up a logger,
// lines from INFO on are told.
func (s *scope) logger(base *zerolog.Logger) *zerolog.Logger {
	if made := s.log.Load(); made != nil && made.base == base {
		return &made.logger
	}
	made := &nodeLog{base: base, logger: *base}
	if base.GetLevel() == zerolog.Disabled {
		made.logger = zerolog.New(io.Discard).Level(zerolog.InfoLevel)
	}
	t := s.task
	made.logger = made.logger.Hook(zerolog.HookFunc(func(_ *zerolog.Event, level zerolog.Level, message string) {
		t.Request.Observe(Event{Kind: LogLine, Time: t.in.now(), Node: t.Node, Total: t.Total, Level: level.String(), Message: message})
	}))
	if s.log.CompareAndSwap(nil, made) {
		return &made.logger
	}
	if first := s.log.Load(); first.base == base { // two goroutines of the function asked at once
		return &first.logger
	}
	return &made.logger
}

// isLoggerKey reports whether key is the one under which zerolog keeps a logger.
func isLoggerKey(key any) bool {
	probe := keyProbe{Context: context.Background()}
	zerolog.Ctx(&probe)
	return key == probe.key
}

// keyProbe is a context that takes down what it was asked for last.
type keyProbe struct {
	context.Context //nolint:containedctx // it is a context

	key any
}

// Value knows nothing.
func (p *keyProbe) Value(key any) any {
	p.key = key
	return nil
}
