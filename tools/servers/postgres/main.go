// Command postgres runs a PostgreSQL server for tests until its standard input ends: that of the machine when it has one, else
// one that it downloads once. It prints the URL of an empty database.
//
//	postgres FOLDER
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	embedded "github.com/fergusstrange/embedded-postgres"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(folder string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return err
	}
	config := embedded.DefaultConfig().Port(uint32(port)).Logger(os.Stderr).
		RuntimePath(filepath.Join(folder, "run")).DataPath(filepath.Join(folder, "data")).CachePath(filepath.Join(folder, "..", "cache")).
		StartParameters(map[string]string{"unix_socket_directories": folder, "fsync": "off"})
	if installed, ok := installation(); ok {
		config = config.BinariesPath(installed)
	}
	server := embedded.NewDatabase(config)
	if err := server.Start(); err != nil {
		return err
	}
	fmt.Printf("postgresql://postgres:postgres@127.0.0.1:%d/postgres\n", port)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return server.Stop()
}

// installation finds the folder of the machine's own PostgreSQL; KEDGE_TEST_POSTGRES=download ignores it.
func installation() (string, bool) {
	if os.Getenv("KEDGE_TEST_POSTGRES") == "download" {
		return "", false
	}
	name, err := exec.LookPath("initdb")
	if err != nil {
		return "", false
	}
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return "", false
	}
	root := filepath.Dir(filepath.Dir(name))
	_, err = os.Stat(filepath.Join(root, "bin", "pg_ctl"))
	return root, err == nil
}
