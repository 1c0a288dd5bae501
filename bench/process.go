package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// process is a copy of this program in another role: server, raw worker or Kedge worker.
type process struct {
	cmd *exec.Cmd
	// Ready is the text that it printed when it was ready: the server's URL.
	Ready string
}

// start runs this program again as "role" and waits for its first line.
func start(ctx context.Context, role string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{"-role", role}, args...)...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, fmt.Errorf("%s did not become ready: %w", role, err)
	}
	return &process{cmd: cmd, Ready: strings.TrimSpace(line)}, nil
}

// stop ends the process and waits for it.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	gone := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-gone
	}
}

// kill ends the process as a crash does and waits for it.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// resident is resident memory of the process in MiB: all of it (VmRSS), or what lies in no file and no other process
// shares (RssAnon).
func (p *process) resident(kind string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), kind+":")
	var kib float64
	_, err = fmt.Sscanf(rest, "%f kB", &kib)
	return kib / 1024, err
}

// cpu is the processor time that processes have used, in seconds.
func cpu(pids ...int) (total float64, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		// The fields after the program's name in parentheses; utime and stime are the 14th and 15th of all.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, ticks := range fields[11:13] {
			n, err := strconv.ParseFloat(ticks, 64)
			if err != nil {
				return 0, err
			}
			total += n / ticksPerSecond
		}
	}
	return total, nil
}

// ticksPerSecond is the unit of times in /proc: a constant of Linux, whatever the kernel's clock.
const ticksPerSecond = 100

// serve is the role of the NATS server: a plain nats-server with a file store, as any deployment runs it.
func serve(ctx context.Context, store string, always bool) error {
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: store,
		SyncAlways: always, NoLog: true, NoSigs: true, MaxPayload: 1 << 20,
	})
	if err != nil {
		return err
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		return fmt.Errorf("the server did not start in 10 s")
	}
	fmt.Println(srv.ClientURL())
	<-ctx.Done()
	srv.Shutdown()
	srv.WaitForShutdown()
	return nil
}

// untilSignal is the context of a role: it ends with SIGTERM or SIGINT.
func untilSignal() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
}
