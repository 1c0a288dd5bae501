package worker_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/worker"
)

const (
	roleLarge    = "large" // submitter and worker of one large input, which is also the output
	sizeVariable = "KEDGE_TEST_MIB"
)

// counting is content of any size without memory: each page begins with its number.
type counting struct{}

const page = 4 << 10

func (counting) ReadAt(p []byte, at int64) (int, error) {
	for n := 0; n < len(p); {
		piece := p[n:min(len(p), n+int(page-(at+int64(n))%page))]
		clear(piece)
		if (at+int64(n))%page == 0 && len(piece) >= 8 {
			binary.BigEndian.PutUint64(piece, uint64(at+int64(n))/page)
		}
		n += len(piece)
	}
	return len(p), nil
}

// echo is an engine whose output is its input, as files.
func echo(_ context.Context, opts session.RunOptions) (*session.Result, error) {
	given, ok := opts.Inputs["big"].(session.File)
	if !ok {
		return nil, errors.New("the input is no file")
	}
	file, err := os.Open(given.Path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return &session.Result{RunID: opts.RunID, Outputs: map[string]session.Output{"big": fileOutput{file, info.Size()}}}, nil
}

// fileOutput is an output in a file.
type fileOutput struct {
	file *os.File
	size int64
}

func (fileOutput) Load(context.Context) (any, error) { return nil, errors.New("not into memory") }
func (fileOutput) Describe() catalog.Description     { return catalog.Description{Type: "MemoryDataset"} }
func (fileOutput) Encoded() (value json.RawMessage, valueType, shape string) {
	return nil, "table", ""
}
func (f fileOutput) File() (content *io.SectionReader, format string) {
	return io.NewSectionReader(f.file, 0, f.size), "arrow"
}

// TestMemoryIsBounded sends an input through the object bucket to a worker and gets it back as an output; submitter and
// worker are one process, which must need far less memory than the data. KEDGE_TEST_MIB=1024 tries a GiB.
func TestMemoryIsBounded(t *testing.T) {
	mib := os.Getenv(sizeVariable)
	if mib == "" {
		mib = "256"
	}
	server := natstest.Start(t, natsx.ServerConfig{SyncInterval: 60e9})
	server.JetStream(natsx.Topology{Queues: []string{queue}})
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "GOGC=25", roleVariable+"="+roleLarge, urlVariable+"="+server.URL(), sizeVariable+"="+mib, "TMPDIR="+t.TempDir())
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	require.NoError(t, err, problems.String())
	t.Logf("%s MiB: %s", mib, out)
	peak, err := strconv.Atoi(strings.TrimSpace(string(out)))
	require.NoError(t, err)
	const most = 224 << 10 // KiB: the race detector doubles what is needed
	require.Less(t, peak, most)
}

// playLarge prints the peak of memory in KiB.
func playLarge() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	mib, _ := strconv.Atoi(os.Getenv(sizeVariable))
	nc, err := natsx.Connect(ctx, natsx.ConnectOptions{URL: os.Getenv(urlVariable)})
	if err != nil {
		return err
	}
	defer nc.Close()
	w, err := worker.New(worker.Config{Conn: nc, Project: queue, Open: func(context.Context, session.ServiceConfig) (session.Session, error) {
		return double{run: echo}, nil
	}})
	if err != nil {
		return err
	}
	go w.Run(ctx)
	c, err := client.Dial(ctx, os.Getenv(urlVariable), client.Config{Queue: queue})
	if err != nil {
		return err
	}
	defer c.Close()
	size := int64(mib) << 20
	receipt, err := c.Submit(ctx, &messages.RunRequest{}, client.WithInput("big", client.Input{Content: counting{}, Size: size}))
	if err != nil {
		return err
	}
	reply, err := c.Wait(ctx, receipt.RunID)
	if err != nil {
		return err
	}
	if reply.Error != nil || reply.Result.Outputs["big"].Ref == nil {
		if reply.Result != nil {
			return errors.New(reply.Result.Outputs["big"].Problem)
		}
		return fmt.Errorf("the run gave %+v", *reply)
	}
	content, err := c.Open(ctx, *reply.Result.Outputs["big"].Ref)
	if err != nil {
		return err
	}
	defer content.Close()
	if read, err := io.Copy(io.Discard, content); err != nil || read != size {
		return fmt.Errorf("read %d bytes: %w", read, err)
	}
	return printPeak()
}

func printPeak() error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Println(strings.Fields(rest)[0])
	return nil
}
