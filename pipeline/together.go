package pipeline

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// together runs tasks until all have ended; the first that ends, in whatever way, stops the others.
// It returns the error of the first.
func together(ctx context.Context, tasks []func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, task := range tasks {
		group.Go(func() error {
			defer cancel()
			return task(ctx)
		})
	}
	return group.Wait()
}
