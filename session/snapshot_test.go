package session

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
)

// SRV-040 to SRV-046.
func TestSnapshot(t *testing.T) {
	dir := layOut(t, map[string]string{
		"conf/base/parameters.yml": "start: 1\nalpha: {b: 2}\n",
		"conf/base/catalog.yml": "_template: {type: x}\nraw: {type: json.JSONDataset, filepath: \"s3://key:secret@bucket/${runtime_params:day,1}.json\"}\n" +
			"\"{name}_csv\": {type: pandas.CSVDataset, filepath: \"data/{name}.csv\"}\nplain: {type: MemoryDataset}\n",
	})
	s := service(t, dir, of("main",
		pipeline.Define(increment, "raw", "clean_csv", pipeline.Name("clean"), pipeline.Tags("b", "a"), pipeline.Namespace("ns")),
		pipeline.Define(increment, "clean_csv", "memory", pipeline.Name("use"))))
	snapshot, err := s.Snapshot(t.Context(), map[string]any{"day": 7})
	require.NoError(t, err)
	require.Equal(t, []string{"alpha", "day", "start"}, snapshot.Parameters)
	require.Equal(t, "s3://<redacted>@bucket/7.json", *snapshot.Datasets["raw"].Filepath)
	require.Equal(t, DatasetInfo{Name: "plain", Type: "MemoryDataset"}, snapshot.Datasets["plain"])
	require.Equal(t, "data/clean.csv", *snapshot.Datasets["clean_csv"].Filepath)
	require.Len(t, snapshot.Datasets, 3)
	require.Len(t, snapshot.Pipelines, 2)
	require.Equal(t, "__default__", snapshot.Pipelines[0].Name)
	require.Equal(t, "ns.clean", snapshot.Pipelines[1].Nodes[0].Name)
	require.Equal(t, []string{"a", "b"}, snapshot.Pipelines[1].Nodes[0].Tags)
	require.Equal(t, "ns", *snapshot.Pipelines[1].Nodes[0].Namespace)
	text, err := json.Marshal(snapshot)
	require.NoError(t, err)
	require.NotContains(t, string(text), "secret")
	require.NotContains(t, string(text), "null]")
}

// SRV-043: where the functions of nodes are written, when that is below the project.
func TestSnapshotSource(t *testing.T) {
	here, err := filepath.Abs(".")
	require.NoError(t, err)
	s, err := CreateService(t.Context(), ServiceConfig{ProjectPath: here, ConfSource: layOut(t, nil) + "/conf", Project: project.New("demo", of("main",
		pipeline.Define(increment, "a", "b", pipeline.Name("here")),
		pipeline.Define(func(x any) any {
			return x
		}, "b", "c", pipeline.Name("literal")),
		pipeline.Define(filepath.Base, "c", "d", pipeline.Name("elsewhere")),
	))})
	require.NoError(t, err)
	snapshot, err := s.Snapshot(t.Context(), nil)
	require.NoError(t, err)
	nodes := map[string]*Source{}
	for _, n := range snapshot.Pipelines[1].Nodes {
		nodes[n.Name] = n.Source
	}
	require.Nil(t, nodes["elsewhere"])
	require.Equal(t, "main_test.go", nodes["here"].Filepath)
	require.Equal(t, nodes["here"].LineStart, nodes["here"].LineEnd)
	text, err := os.ReadFile("main_test.go")
	require.NoError(t, err)
	require.Contains(t, strings.Split(string(text), "\n")[nodes["here"].LineStart-1], "func increment(")
	require.Equal(t, "snapshot_test.go", nodes["literal"].Filepath)
	require.Equal(t, 2, nodes["literal"].LineEnd-nodes["literal"].LineStart)
}

// SRV-046: a project without catalog and parameters.
func TestSnapshotOfAnEmptyProject(t *testing.T) {
	dir := layOut(t, nil)
	snapshot, err := service(t, dir).Snapshot(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, snapshot.Parameters)
	require.Empty(t, snapshot.Datasets)
}
