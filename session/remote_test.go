package session

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kedge-run/kedge/internal/servertest"
	"github.com/kedge-run/kedge/internal/storage"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/stretchr/testify/require"
)

var confFiles = map[string]string{
	"conf/base/catalog.yml":     "{}\n",
	"conf/base/parameters.yml":  "a: 1\nb: 1\n",
	"conf/local/parameters.yml": "b: 2\n",
	"conf/local/notes.txt":      "none of our business",
}

// A conf source in an object store, with the credentials of the environment, and an archive on a server (CFG-071).
func TestRemoteConfSources(t *testing.T) {
	bucket := servertest.S3(t)
	stores := storage.NewSet()
	t.Cleanup(stores.Close)
	store, err := stores.Open("s3", bucket.Options)
	require.NoError(t, err)
	for name, text := range confFiles {
		require.NoError(t, store.Replace(t.Context(), "kedge/"+name, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }))
	}
	client := bucket.Options["client_kwargs"].(map[string]any)
	t.Setenv("AWS_ACCESS_KEY_ID", bucket.Options["key"].(string))
	t.Setenv("AWS_SECRET_ACCESS_KEY", bucket.Options["secret"].(string))
	t.Setenv("AWS_ENDPOINT_URL", client["endpoint_url"].(string))
	t.Setenv("AWS_REGION", "us-east-1")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeArchive(t, w) }))
	t.Cleanup(server.Close)
	for _, source := range []string{"s3://kedge/conf", server.URL + "/conf.tar.gz"} {
		result, err := runWithConf(t, source)
		require.NoError(t, err, source)
		require.Equal(t, 12, value(t, result, "sum"), source)
	}
	set := project.WithSettings(project.Settings{ConfSource: "s3://kedge/conf"})
	result, err := service(t, layOut(t, nil), of("main", pipeline.Define(increment, "params:b", "c", pipeline.Name("one"))), set).Run(t.Context(), RunOptions{})
	require.NoError(t, err)
	require.Equal(t, 3, value(t, result, "c"))
	_, err = runWithConf(t, "s3://kedge/nowhere")
	require.EqualError(t, err, "Given configuration path either does not exist or is not a valid directory: kedge/nowhere/base. Error: no such folder")
	_, err = runWithConf(t, "http://127.0.0.1:1/conf")
	require.ErrorContains(t, err, ". Error: http:// knows no folders: name a file")
	_, err = runWithConf(t, "http://127.0.0.1:1/conf.zip")
	require.ErrorContains(t, err, "Given configuration path either does not exist or is not a valid directory: ")
	require.ErrorContains(t, err, ". Error: get from 127.0.0.1:1: ")
}

func runWithConf(t *testing.T, source string) (*Result, error) {
	t.Helper()
	add := pipeline.Define(func(a, b int) int { return 10*a + b }, []string{"params:a", "params:b"}, "sum", pipeline.Name("add"))
	s, err := CreateService(t.Context(), ServiceConfig{ProjectPath: layOut(t, nil), ConfSource: source, Project: project.New("remote", of("main", add))})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s.Run(t.Context(), RunOptions{})
}

func writeArchive(t *testing.T, w io.Writer) {
	packed := gzip.NewWriter(w)
	out := tar.NewWriter(packed)
	for name, text := range confFiles {
		require.NoError(t, out.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o600, Typeflag: tar.TypeReg}))
		_, err := io.Copy(out, strings.NewReader(text))
		require.NoError(t, err)
	}
	require.NoError(t, out.Close())
	require.NoError(t, packed.Close())
}
