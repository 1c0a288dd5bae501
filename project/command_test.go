package project_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/dataset"
	"github.com/kedge-run/kedge/internal/servertest"
	"github.com/kedge-run/kedge/internal/storage"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/runner"
)

// shop is a project folder of commands with a catalog below data/.
type shop struct {
	*testing.T
	dir     string
	entries []catalog.Entry
	save    string // save version
	params  []catalog.Parameter
	log     bytes.Buffer
}

func newShop(t *testing.T) *shop {
	s := &shop{T: t, dir: t.TempDir(), save: "v1"}
	s.write("kedge.yml", "command_grace: 200ms\n")
	return s
}

func (s *shop) write(name, text string) {
	s.Helper()
	path := filepath.Join(s.dir, name)
	require.NoError(s, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(s, os.WriteFile(path, []byte(text), 0o644))
}

func (s *shop) read(name string) string {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	require.NoError(s, err)
	return string(text)
}

// file adds a catalog entry for a file below data/.
func (s *shop) file(name, typ, file string, versioned bool) {
	s.entries = append(s.entries, catalog.Entry{Name: name, Config: map[string]any{
		"type": typ, "filepath": filepath.Join(s.dir, "data", file), "versioned": versioned,
	}})
}

func (s *shop) param(name string, value any) {
	s.params = append(s.params, catalog.Parameter{Name: "params:" + name, Value: value})
}

// run runs the nodes, given as the text below "nodes:", and gives the catalog.
func (s *shop) run(ctx context.Context, nodes string) (*catalog.DataCatalog, error) {
	s.Helper()
	s.write("pipelines/main.yml", "nodes:\n"+nodes)
	p, err := project.Load(s.dir, nil)
	require.NoError(s, err)
	made, err := p.Pipelines().Get("main")
	require.NoError(s, err)
	cat, err := catalog.FromConfig(ctx, s.entries, catalog.Options{Types: dataset.Types(), SaveVersion: s.save, Parameters: catalog.NewParameters(s.params)})
	require.NoError(s, err)
	ctx = zerolog.New(zerolog.SyncWriter(&s.log)).WithContext(ctx)
	_, err = runner.Sequential{}.Run(ctx, runner.Request{Pipeline: made, Catalog: cat, RunID: "run-7"})
	return cat, err
}

// requireTidy makes sure that no temporary folder is left.
func (s *shop) requireTidy() {
	s.Helper()
	for _, dir := range []string{s.dir, os.TempDir()} {
		left, err := filepath.Glob(filepath.Join(dir, "data", ".kedge-command-*"))
		require.NoError(s, err)
		require.Empty(s, left)
	}
}

func TestCommandGetsTheFileItself(t *testing.T) {
	s := newShop(t)
	s.file("orders", "pandas.CSVDataset", "orders.csv", false)
	s.file("copy", "text.TextDataset", "reports/copy.txt", false)
	const odd = "a;b\n1;'not csv at all\r\n"
	s.write("data/orders.csv", odd)
	_, err := s.run(t.Context(), `
  - command: cat {inputs.orders} > {outputs.copy}; echo {inputs.orders} {outputs.copy}
    inputs: orders
    outputs: copy
`)
	require.NoError(t, err)
	require.Equal(t, odd, s.read("data/reports/copy.txt"), "nothing is decoded on the way")
	require.Contains(t, s.log.String(), filepath.Join(s.dir, "data/orders.csv"), "the dataset's own file is read")
	require.Regexp(t, `/data/reports/\.kedge-command-\d+/copy\.txt`, s.log.String(), "the output is written beside its place, under its name")
	s.requireTidy()
}

// Files in an object store are fetched for a command and uploaded behind it, as they are.
func TestCommandReadsAndWritesAnObjectStore(t *testing.T) {
	bucket := servertest.S3(t)
	s := newShop(t)
	for _, name := range []string{"orders", "copy"} {
		s.entries = append(s.entries, catalog.Entry{Name: name, Config: map[string]any{
			"type": "pandas.CSVDataset", "filepath": bucket.URL + "/data/" + name + ".csv", "credentials": bucket.Options}})
	}
	const odd = "a;b\n1;'not csv at all\r\n"
	stores := storage.NewSet()
	store, err := stores.Open("s3", bucket.Options)
	require.NoError(t, err)
	require.NoError(t, store.Replace(t.Context(), "kedge/data/orders.csv", func(w io.Writer) error { _, err := io.WriteString(w, odd); return err }))
	_, err = s.run(t.Context(), `
  - command: cat {inputs.orders} > {outputs.copy}; echo {inputs.orders} {outputs.copy}
    inputs: orders
    outputs: copy
`)
	require.NoError(t, err)
	file, err := store.Open(t.Context(), "kedge/data/copy.csv")
	require.NoError(t, err)
	text, err := io.ReadAll(file)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.Equal(t, odd, string(text))
	paths := regexp.MustCompile(`/\S+/kedge-\w+/orders\.csv|/\S+/\.kedge-command-\w+/copy\.csv`).FindAllString(s.log.String(), -1)
	require.Len(t, paths, 2)
	for _, path := range paths {
		require.NoDirExists(t, filepath.Dir(path), "no copy is left")
	}
}

func TestCommandReadsAndWritesVersions(t *testing.T) {
	s := newShop(t)
	s.file("orders", "text.TextDataset", "orders.txt", true)
	s.file("report", "text.TextDataset", "report.txt", true)
	s.write("data/orders.txt/v0/orders.txt", "old")
	s.write("data/orders.txt/v1/orders.txt", "new")
	const node = `
  - command: [cp, "{inputs.orders}", "{outputs.report}"]
    inputs: orders
    outputs: report
`
	_, err := s.run(t.Context(), node)
	require.NoError(t, err)
	require.Equal(t, "new", s.read("data/report.txt/v1/report.txt"))

	_, err = s.run(t.Context(), node)
	require.ErrorContains(t, err, "must not exist if versioning is enabled", "CAT-067 holds for commands")
	s.requireTidy()
}

func TestCommandGetsMemoryAsAFile(t *testing.T) {
	s := newShop(t)
	cat, err := s.run(t.Context(), `
  - name: make_table
    command: printf 'city,orders\nGhent,3\nPorto,5\n' > {outputs.table}
    outputs: table
    formats: {table: csv}
  - name: make_number
    command: echo 41 > {outputs.number}
    outputs: {number: number}
  - name: use
    command: (cat {inputs.table}; cat {inputs.again}; cat {inputs.number}) > {outputs.text}
    inputs: {table: table, again: table, number: number}
    outputs: [text]
    formats: {table: csv, text: text}
`)
	require.NoError(t, err)
	text, err := cat.Load(t.Context(), "text")
	require.NoError(t, err)
	require.Equal(t, `city,orders
Ghent,3
Porto,5
[{"city":"Ghent","orders":3},{"city":"Porto","orders":5}]41`, strings.NewReplacer("\n  ", "", "  ", "", ": ", ":", "\n]", "]").Replace(text.(string)))
	s.requireTidy()
}

func TestCommandGetsParametersAndEnvironment(t *testing.T) {
	t.Setenv("KEDGE_TEST_SECRET", "secret")
	t.Setenv("AWS_PROFILE", "shop")
	s := newShop(t)
	s.write("kedge.yml", "command_env: [AWS_PROFILE]\n")
	s.param("options", map[string]any{"limit": int64(5), "cities": []any{"Ghent", "Porto"}, "name": "-rf *"})
	s.param("on", true)
	s.file("out", "text.TextDataset", "out.txt", false)
	_, err := s.run(t.Context(), `
  - name: shown
    command:
      - /bin/sh
      - -ec
      - 'cat > "$1"; for word in "$2" "$3" "$4" "$5"; do echo "<$word>"; done >> "$1"; env | sort | grep -E "^(KEDGE|AWS|COLOUR)" | grep -v OUTPUT >> "$1"'
      - sh
      - "{outputs.out}"
      - "{params.options.limit}/{params.on}"
      - "{params.options.cities}"
      - "{params.options.cities.1}"
      - --name={params.options.name}
    inputs: ["params:options", "params:on"]
    outputs: out
    env: {COLOUR: red}
`)
	require.NoError(t, err)
	require.Equal(t, `{"on":true,"options":{"cities":["Ghent","Porto"],"limit":5,"name":"-rf *"}}
<5/true>
<["Ghent","Porto"]>
<Porto>
<--name=-rf *>
AWS_PROFILE=shop
COLOUR=red
KEDGE_NODE=shown
KEDGE_PARAM_on=true
KEDGE_PARAM_options_cities=["Ghent","Porto"]
KEDGE_PARAM_options_cities_1=Porto
KEDGE_PARAM_options_limit=5
KEDGE_PARAM_options_name=-rf *
KEDGE_RUN_ID=run-7
`, s.read("data/out.txt"))
}

// TestCommandsThatFailChangeNothing shows that an output appears only when all went well.
func TestCommandsThatFailChangeNothing(t *testing.T) {
	for name, test := range map[string]struct{ command, want string }{
		"status": {`echo new > {outputs.a}; echo new > {outputs.b}; echo "no such city" >&2; exit 4`,
			"command \"sh\" failed: exit status 4\nno such city"},
		"first line that fails": {`false; echo new > {outputs.a}; echo new > {outputs.b}`, `exit status 1`},
		"signal":                {`echo new > {outputs.a}; kill -9 $$`, `failed: signal: killed`},
		"missing output":        {`echo new > {outputs.a}`, `the command ended well but wrote no output "b"; it has to write the file named by {outputs.b} or $KEDGE_OUTPUT_b`},
		"folder as output":      {`echo new > {outputs.a}; mkdir {outputs.b}`, `the command wrote the output "b" as something else than a file (d`},
		"option":                {`echo {params.text} > {outputs.a}`, `{params.text} is "-n", which the program would read as an option; write --name={params.text}`},
		"no such key":           {`echo {params.tree.size.x} > {outputs.a}`, `{params.tree.size.x}: the parameter "tree.size" has no key "x"`},
		"NUL":                   {`echo x{params.zero} > {outputs.a}`, `{params.zero} holds a NUL character`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.file("a", "text.TextDataset", "a.txt", false)
			s.file("b", "text.TextDataset", "b.txt", false)
			s.write("data/a.txt", "old")
			s.param("text", "-n")
			s.param("tree", map[string]any{"size": 1})
			s.param("zero", "a\x00b")
			_, err := s.run(t.Context(), "  - command: '"+test.command+"'\n    inputs: [params:text, params:tree, params:zero]\n    outputs: [a, b]\n")
			require.ErrorContains(t, err, test.want)
			require.Equal(t, "old", s.read("data/a.txt"))
			require.NoFileExists(t, filepath.Join(s.dir, "data/b.txt"))
			s.requireTidy()
		})
	}
}

func TestCommandErrorsOfFiles(t *testing.T) {
	for name, test := range map[string]struct{ nodes, want string }{
		"input that is no table": {`
  - {name: a, command: "echo 5 > {outputs.n}", outputs: n}
  - {name: b, command: "cat {inputs.n}", inputs: n, formats: {n: csv}}`, `input "n": can't be written as csv for the command: `},
		"output that is no JSON": {`
  - {name: a, command: "echo nonsense > {outputs.n}", outputs: n}`, `the command's output "n" can't be read as json: `},
		"missing input": {`
  - {name: b, command: "cat {inputs.gone}", inputs: gone}`, "gone: Failed while loading data from dataset kedro_datasets.text"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.file("gone", "text.TextDataset", "gone.txt", false)
			_, err := s.run(t.Context(), test.nodes+"\n")
			require.ErrorContains(t, err, test.want)
			s.requireTidy()
		})
	}
}

func TestCommandIsCancelled(t *testing.T) {
	s := newShop(t)
	s.file("out", "text.TextDataset", "out.txt", false)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("cancelled by the user")
	done := make(chan error, 1)
	go func() {
		_, err := s.run(ctx, `
  - command: trap '' TERM; echo half > {outputs.out}; echo > started; while :; do sleep 0.01; done
    outputs: out
`)
		done <- err
	}()
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(s.dir, "started")); return err == nil }, 10*time.Second, time.Millisecond)
	cancel(cause)
	require.ErrorIs(t, <-done, cause)
	require.NoFileExists(t, filepath.Join(s.dir, "data/out.txt"))
	s.requireTidy()
}

// TestOutputsThatAreNeverSavedAreRemoved shows what happens when an earlier output of the same command can't be saved.
func TestOutputsThatAreNeverSavedAreRemoved(t *testing.T) {
	s := newShop(t)
	s.file("a", "text.TextDataset", "a.txt", true)
	s.file("b", "text.TextDataset", "b.txt", true)
	s.write("data/a.txt/v1/a.txt", "old")
	_, err := s.run(t.Context(), `
  - {command: "echo new > {outputs.a}; echo new > {outputs.b}", outputs: [a, b]}
`)
	require.ErrorContains(t, err, "must not exist if versioning is enabled")
	require.NoDirExists(t, filepath.Join(s.dir, "data/b.txt"))
	require.Eventually(t, func() bool {
		left, err := filepath.Glob(filepath.Join(s.dir, "data", ".kedge-command-*"))
		return err == nil && len(left) == 0
	}, 10*time.Second, time.Millisecond)
}
