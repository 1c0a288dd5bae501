// Command worker takes runs from a queue and runs them.
//
//	worker --project DIR --embedded    one process: the worker and its own NATS server
//	worker --project DIR --nats URL    a worker of a fleet
//	worker setup --queue NAME          makes the streams and consumers that workers need
//
// It serves projects that are declared in files. A project with Go nodes has a binary of its own, with the same
// flags: see kedge.Main.
package main

import "github.com/kedge-run/kedge"

func main() { kedge.Main(nil) }
