package session_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/session"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{
		"conf/base/parameters.yml": "price: 100\n",
		"conf/base/catalog.yml":    "{}\n",
		"conf/local/.gitkeep":      "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			fmt.Println(err)
			return
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			fmt.Println(err)
			return
		}
	}
	shop := project.New("shop", project.WithPipeline("sale", func() (*pipeline.Pipeline, error) {
		return pipeline.New(pipeline.Define(func(price int) int { return price * 8 / 10 }, "params:price", "reduced"))
	}))

	ctx := context.Background()
	open := func(ctx context.Context) (session.Session, error) {
		return session.CreateService(ctx, session.ServiceConfig{ProjectPath: dir, Project: shop})
	}
	err = session.With(ctx, open, func(s session.Session) error {
		for _, price := range []int{50, 200} {
			result, err := s.Run(ctx, session.RunOptions{
				PipelineNames: []string{"sale"},
				RuntimeParams: map[string]any{"price": price},
			})
			if err != nil {
				return err
			}
			reduced, err := result.Outputs["reduced"].Load(ctx)
			if err != nil {
				return err
			}
			fmt.Println(reduced)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// 40
	// 160
	// <nil>
}
