package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

// writeValue writes the value of one output alone: to a file, or to standard output.
func (a *app) writeValue(ctx context.Context, c *client.Client, result *messages.RunResult, flags *resultFlags) error {
	output, ok := result.Outputs[flags.dataset]
	if !ok {
		return &cli.Error{
			Code: cli.NotFound, Err: fmt.Errorf("the result has no output %q", flags.dataset),
			Hint: "it has " + orNone(slices.Sorted(maps.Keys(result.Outputs))) + "; `submit run --outputs` asks for more",
		}
	}
	if err := checkEnding(flags, output); err != nil {
		return err
	}
	value, size, err := openValue(ctx, c, flags.dataset, output)
	if err != nil {
		return err
	}
	defer value.Close()
	bar := newTransfer(a.env, flags.dataset, size)
	defer bar.end()
	content := bar.watch(value)
	if flags.to == "" {
		_, err = io.Copy(a.env.Stdout, content)
	} else {
		err = writeFile(within(a.env.Dir, flags.to), content)
	}
	return explainData(err)
}

// checkEnding refuses to write one format into a file whose name promises another: a table comes as it was given, a
// large one as Arrow, one that lies in the result itself as JSON.
func checkEnding(flags *resultFlags, output messages.Output) error {
	format := "json"
	if output.Ref != nil {
		format = cmp.Or(output.Ref.Format, format)
	}
	promised, known := formats[strings.ToLower(filepath.Ext(flags.to))]
	if !known || promised == format || promised == "text" && format == "json" {
		return nil
	}
	return usage(fmt.Sprintf("--to %s: the value of %s is %s", flags.to, flags.dataset, format), "name the file "+strings.TrimSuffix(flags.to, filepath.Ext(flags.to))+endingOf(format))
}

// endingOf is the ending of files of a format.
func endingOf(format string) string {
	for _, ending := range slices.Sorted(maps.Keys(formats)) {
		if formats[ending] == format {
			return ending
		}
	}
	return "." + format
}

// openValue opens an output that the result holds, or refers to.
func openValue(ctx context.Context, c *client.Client, dataset string, output messages.Output) (io.ReadCloser, int64, error) {
	if output.Ref != nil {
		value, err := c.Open(ctx, *output.Ref)
		return value, output.Ref.Size, explainData(err)
	}
	if len(output.Value) == 0 {
		return nil, 0, &cli.Error{Code: cli.Failed, Err: fmt.Errorf("output %q is not in the result by value: %s", dataset, describe(output))}
	}
	line := append(slices.Clone(output.Value), '\n')
	return io.NopCloser(bytes.NewReader(line)), 0, nil
}

func explainData(err error) error {
	if errors.Is(err, client.ErrDataGone) {
		return &cli.Error{Code: cli.NotFound, Err: err, Hint: "data of a run is kept as long as its record, 7 days by default"}
	}
	return cli.Explain(err)
}

func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// writeFile writes content beside path first, so that a broken transfer leaves no half file.
func writeFile(path string, content io.Reader) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = io.Copy(file, content)
	if err = errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// transfer shows how far data is on its way, on a terminal. The nil transfer shows nothing.
type transfer struct {
	container *mpb.Progress
	bar       *mpb.Bar
}

func newTransfer(env *cli.Env, name string, size int64) *transfer {
	if !env.StderrTerminal || size <= 0 {
		return nil
	}
	container := mpb.New(mpb.WithOutput(env.Stderr), mpb.WithWidth(barWidth), mpb.WithAutoRefresh())
	return &transfer{container: container, bar: container.AddBar(size,
		mpb.PrependDecorators(decor.Name(name+" "), decor.CountersKibiByte("% .1f / % .1f")),
		mpb.AppendDecorators(decor.AverageSpeed(decor.SizeB1024(0), "% .1f")))}
}

// watch counts what is read.
func (t *transfer) watch(content io.Reader) io.Reader {
	if t == nil {
		return content
	}
	counted, err := t.bar.ProxyReader(content)
	if err != nil { // the bar has ended
		return content
	}
	return counted
}

// set tells how much has passed.
func (t *transfer) set(done int64) {
	if t != nil {
		t.bar.SetCurrent(done)
	}
}

// end leaves the last picture.
func (t *transfer) end() {
	if t != nil {
		t.bar.Abort(false)
		t.container.Wait()
	}
}
