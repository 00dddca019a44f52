package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"portrait/pipeline/importer"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// history is an import into a fresh embedded deployment.
type history struct {
	config  Config // of the deployment; http is any free port of loopback, and the event clock has one events partition
	catalog []byte
	until   time.Time     // event clock: where time ends; zero: with the last event
	slice   time.Duration // event clock: of what is sent between two looks at the clock; 0: all
	out     *os.File
	quiet   bool
	Elapsed time.Duration // from the first line to the last stored
}

// run imports, and calls done (nil: nothing) when everything is stored and the service still runs.
func (h *history) run(ctx context.Context, sources []*importer.Source, done func(context.Context, *Service) error) (*importJob, error) {
	h.config.HTTP = "127.0.0.1:0"
	if h.config.Deployment.Clock == schemas.ClockEvent {
		h.config.Deployment.EventsPartitions = 1 // the log of history is in order of time
	}
	config, err := h.config.withDefaults()
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(h.out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := StartService(ctx, config, Catalogs{Publish: h.catalog}, log, h.out)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Run(ctx) })
	job := &importJob{client: s.node.Client(), topic: s.node.Topics().Events, partitions: s.node.Deployment().EventsPartitions, out: h.out, quiet: h.quiet}
	if h.slice > 0 && config.Deployment.Clock == schemas.ClockEvent {
		job.pacer = &pacer{node: s.node, span: h.slice}
	}
	finished := false
	group.Go(func() error {
		defer cancel()
		if err := h.fill(ctx, s, job, sources); err != nil {
			return err
		}
		if done != nil {
			if err := done(ctx, s); err != nil {
				return err
			}
		}
		finished = true
		return nil
	})
	err = group.Wait()
	if finished && errors.Is(err, context.Canceled) {
		err = nil
	}
	return job, err
}

func (h *history) fill(ctx context.Context, s *Service, job *importJob, sources []*importer.Source) error {
	start := time.Now()
	if err := job.run(ctx, sources...); err != nil {
		return err
	}
	if h.config.Deployment.Clock == schemas.ClockEvent {
		until := h.until
		if until.IsZero() {
			until = time.UnixMilli(job.Latest)
		}
		if err := finishHistory(ctx, s, until); err != nil {
			return err
		}
	} else {
		if err := s.node.Rest(ctx); err != nil {
			return err
		}
		for stored := false; !stored; {
			var err error
			if stored, err = s.allStored(ctx); err != nil {
				return err
			}
			if err := pause(ctx, 200*time.Millisecond); err != nil {
				return err
			}
		}
	}
	h.Elapsed = time.Since(start)
	return nil
}

// emptyFacts reports whether a facts record is a marker.
func emptyFacts(value []byte) bool {
	r, err := wire.DecodeFacts(value)
	return err == nil && len(r.Facts) == 0
}
