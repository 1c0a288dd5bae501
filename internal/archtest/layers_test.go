package archtest

import "strings"

// module is the import path that all of our packages share.
const module = "github.com/kedge-run/kedge"

// allowed lists, for each package, which packages of ours its product code may
// import. A package that is missing here may import nothing of ours, so a new
// folder has to be placed in a layer before it can be used.
var allowed = map[string][]string{
	// 0: leaves, allowed to everyone but messages.
	"internal/pyyaml":    {},
	"internal/closest":   {},
	"internal/mask":      {},
	"internal/fault":     {},
	"internal/lifecycle": {},
	"internal/pyproject": {},
	"internal/storage":   {},
	"internal/cron":      {},

	// 1: the wire contract.
	"messages": {},

	// 2: blind to each other.
	"pipeline": {},
	"catalog":  {},
	"config":   {},

	// 3
	"hook": {"catalog", "pipeline"},

	// 4
	"project": {"hook", "catalog", "dataset", "pipeline", "config", "runner"},
	"runner":  {"hook", "catalog", "pipeline"},
	"dataset": {"catalog"},

	"catalog/catalogtest": {"catalog"},

	// 5
	"session":             {"project", "runner", "hook", "catalog", "pipeline", "config", "dataset"},
	"session/sessiontest": {"session", "project", "runner", "hook", "catalog", "pipeline", "config", "dataset"},

	"session/hosted": {"session", "catalog", "pipeline", "runner"}, // what session's own surface is made of

	// 6
	"internal/natsx":  {"messages"},
	"internal/ledger": {"messages", "internal/natsx"},
	"internal/audit":  {"messages", "internal/natsx"},
	"client":          {"messages", "internal/ledger", "internal/natsx"},
	"worker":          {"session", "project", "messages", "internal/ledger", "internal/natsx", "pipeline", "runner", "catalog"},

	// 7
	"":             {"*"},
	"internal/cli": {"client", "messages", "config", "internal/natsx"},
	"cmd/worker":   {""},
	"cmd/submit":   {"internal/cli", "client", "messages"},
}

// reasons says why an edge is forbidden, by the pair of packages; the empty
// name of a side stands for any package.
var reasons = map[[2]string]string{
	{"session", "messages"}:       "a session knows nothing of the wire: only worker and client translate",
	{"session", "internal/natsx"}: "a session knows nothing of NATS, so that it runs in any Go program",
	{"session", "worker"}:         "the worker holds sessions, not the other way round",
	{"messages", ""}:              "messages is the leaf vocabulary that every client may import: standard library and uuid only",
	{"pipeline", ""}:              "pipeline, catalog and config are blind to each other (Kedro's layer contract)",
	{"catalog", ""}:               "pipeline, catalog and config are blind to each other (Kedro's layer contract)",
	{"config", ""}:                "pipeline, catalog and config are blind to each other (Kedro's layer contract)",
	{"runner", "session"}:         "a runner gets a pipeline and a catalog; who made them is not its business",
	{"client", "session"}:         "a submitter needs no engine: its binary stays small and its rights small",
	{"client", "worker"}:          "submitters and workers meet in messages only",
	{"worker", "client"}:          "workers and submitters meet in messages only",
	{"worker", "session/hosted"}:  "worker takes the engine as a func, so that it serves any engine",
	{"", "internal/archtest"}:     "nothing imports the tests of the house",
	{"", "internal/natstest"}:     "test servers stay out of product code",
	{"", "internal/oracle"}:       "test vectors stay out of product code",
}

// outside lists, for packages that must stay small, which modules beyond the
// standard library their product code may import.
var outside = map[string][]string{
	"messages":         {"github.com/google/uuid"},
	"internal/closest": {},
	"internal/mask":    {},
	"internal/cron":    {},
	"pipeline":         {},
	"hook":             {},
}

// free lists packages whose imports are not restricted: test support, programs
// of examples, and the benchmarks.
func free(pkg string) bool {
	return strings.HasPrefix(pkg, "examples/") || strings.HasSuffix(pkg, "test") || strings.HasPrefix(pkg, "internal/natstest") ||
		pkg == "internal/oracle" || pkg == "internal/archtest"
}

// mayImport reports whether from may import to, and if not, why.
func mayImport(from, to string) (bool, string) {
	leaf := map[string]bool{"internal/pyyaml": true, "internal/closest": true, "internal/mask": true, "internal/fault": true, "internal/lifecycle": true, "internal/pyproject": true, "internal/storage": true, "internal/cron": true}
	if leaf[to] && from != "messages" && !leaf[from] {
		return true, ""
	}
	for _, name := range allowed[from] {
		if name == to || name == "*" && !isTestSupport(to) {
			return true, ""
		}
	}
	for _, key := range [][2]string{{from, to}, {"", to}, {from, ""}} {
		if reason, ok := reasons[key]; ok {
			return false, reason
		}
	}
	return false, "this edge is not in the layer contract of ARCHITECTURE.md; if it should be, add it to internal/archtest with a reason"
}

func isTestSupport(pkg string) bool {
	return strings.HasSuffix(pkg, "test") || pkg == "internal/oracle"
}
