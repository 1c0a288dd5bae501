package storage_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/servertest"
	"github.com/kedge-run/kedge/internal/storage"
)

// open opens the store of a URL's protocol and returns the name of the URL in it.
func open(t *testing.T, bucket servertest.Bucket) (storage.Tree, string) {
	t.Helper()
	protocol, name, _ := strings.Cut(bucket.URL, "://")
	store, err := storage.NewSet().Open(protocol, bucket.Options)
	require.NoError(t, err)
	return store.(storage.Tree), name
}

func text(content string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	}
}

func read(t *testing.T, store storage.Store, name string) string {
	t.Helper()
	file, err := store.Open(t.Context(), name)
	require.NoError(t, err)
	content, err := io.ReadAll(file)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return string(content)
}

// TestEveryTreeBehavesTheSame runs one suite over the local disk and real servers.
func TestEveryTreeBehavesTheSame(t *testing.T) {
	t.Run("disk", func(t *testing.T) { exerciseTree(t, storage.Disk{}, t.TempDir()) })
	t.Run("s3", func(t *testing.T) {
		store, root := open(t, servertest.S3(t))
		exerciseTree(t, store, root)
	})
	t.Run("gs", func(t *testing.T) {
		store, root := open(t, servertest.GCS(t))
		exerciseTree(t, store, root)
	})
	if bucket, ok := servertest.Azurite(t); ok {
		t.Run("abfs", func(t *testing.T) {
			store, root := open(t, bucket)
			exerciseTree(t, store, root)
		})
	}
}

func exerciseTree(t *testing.T, store storage.Tree, root string) {
	t.Helper()
	ctx := t.Context()
	name := root + "/made/folder/é x+y.txt"
	require.PanicsWithValue(t, "codec", func() {
		_ = store.Replace(ctx, root+"/burst/x.txt", func(w io.Writer) error {
			_, err := w.Write(make([]byte, 1<<17))
			require.NoError(t, err)
			panic("codec")
		})
	})
	left, err := store.List(ctx, root+"/burst")
	require.NoError(t, err)
	require.Empty(t, left)
	_, err = store.Open(ctx, name)
	require.ErrorIs(t, err, fs.ErrNotExist)
	found, err := store.Exists(ctx, name)
	require.NoError(t, err)
	require.False(t, found)
	for _, ask := range []func(context.Context, string) ([]string, error){store.List, store.Find} {
		names, err := ask(ctx, root+"/made")
		require.NoError(t, err)
		require.Empty(t, names)
	}

	require.NoError(t, store.Replace(ctx, name, text("first")))
	require.NoError(t, store.Replace(ctx, name, text("old")))
	require.Equal(t, "old", read(t, store, name))
	requireKept(t, store, name)

	for _, other := range []string{"/made/b", "/made/a/1", "/made/a/2", "/made/ab", "/other"} {
		require.NoError(t, store.Replace(ctx, root+other, text(other)))
	}
	names, err := store.List(ctx, root+"/made")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"a", "ab", "b", "folder"}, names)
	names, err = store.Find(ctx, root+"/made")
	require.NoError(t, err)
	require.Equal(t, []string{root + "/made/a/1", root + "/made/a/2", root + "/made/ab", root + "/made/b", name}, names)
	require.NoError(t, store.Remove(ctx, root+"/made/a"))
	names, err = store.Find(ctx, root+"/made")
	require.NoError(t, err)
	require.Equal(t, []string{root + "/made/ab", root + "/made/b", name}, names)
	exerciseLarge(t, store, root+"/large")
}

// requireKept shows that a failed or cancelled write leaves the old file.
func requireKept(t *testing.T, store storage.Tree, name string) {
	t.Helper()
	full := errors.New("no space left")
	err := store.Replace(t.Context(), name, func(w io.Writer) error {
		_, err := w.Write(make([]byte, 1<<20))
		return errors.Join(err, full)
	})
	require.ErrorIs(t, err, full)
	ctx, cancel := context.WithCancel(t.Context())
	err = store.Replace(ctx, name, func(w io.Writer) error {
		cancel()
		return text("new")(w)
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "old", read(t, store, name))
	names, err := store.List(t.Context(), name[:strings.LastIndex(name, "/")])
	require.NoError(t, err)
	require.Len(t, names, 1, "nothing but the file is left")
}

// exerciseLarge uploads what doesn't fit into one part, and reads it anywhere.
func exerciseLarge(t *testing.T, store storage.Tree, name string) {
	t.Helper()
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	require.NoError(t, store.Replace(t.Context(), name, func(w io.Writer) error {
		for range 33 {
			if _, err := w.Write(block); err != nil {
				return err
			}
		}
		return nil
	}))
	file, err := store.Open(t.Context(), name)
	require.NoError(t, err)
	end, err := file.Seek(0, io.SeekEnd)
	require.NoError(t, err)
	require.EqualValues(t, 33<<20, end)
	part := make([]byte, 4)
	_, err = file.ReadAt(part, 32<<20+10)
	require.NoError(t, err)
	require.Equal(t, "abcd", string(part))
	require.NoError(t, file.Close())
}

func TestWrongKeysAreRefused(t *testing.T) {
	bucket := servertest.S3(t)
	bucket.Options["secret"] = "wrong"
	store, root := open(t, bucket)
	_, err := store.Open(t.Context(), root+"/x")
	require.ErrorContains(t, err, "SignatureDoesNotMatch")
	require.NotContains(t, err.Error(), "wrong")
}

func TestOptionsAreChecked(t *testing.T) {
	for text, test := range map[string]struct {
		protocol string
		options  map[string]any
	}{
		`protocol "hdfs" isn't supported: use a path on the local disk, s3://, gs://, abfs://, or http(s)://`: {"hdfs", nil},
		`option sekret of s3:// isn't supported; supported are: anon,`:                                        {"s3", map[string]any{"sekret": "x"}},
		`option verify_all of s3:// isn't supported`:                                                          {"s3", map[string]any{"client_kwargs": map[string]any{"verify_all": true}}},
		`option key of s3:// must be a text, got int`:                                                         {"s3", map[string]any{"key": 5}},
		`option token of gs:// must be a text or a mapping, got int`:                                          {"gs", map[string]any{"token": 5}},
		`option anon of abfs:// must be true or false, got string`:                                            {"abfs", map[string]any{"anon": "x"}},
		`option auth of https:// must be a user and a password, got 1 values`:                                 {"https", map[string]any{"auth": []any{"x"}}},
	} {
		_, err := storage.NewSet().Open(test.protocol, test.options)
		require.ErrorContains(t, err, text)
	}
}

func TestAzureAccounts(t *testing.T) {
	for text, test := range map[string]struct {
		name    string
		options map[string]any
	}{
		"which account? Give account_name in the credentials": {"data/x", nil},
		"names no bucket":                   {"/", nil},
		"illegal base64 data at input byte": {"data/x", map[string]any{"account_name": "a", "account_key": "?"}},
	} {
		store, err := storage.NewSet().Open("abfs", test.options)
		require.NoError(t, err)
		_, err = store.Open(t.Context(), test.name)
		require.ErrorContains(t, err, text)
	}
}

func TestWeb(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case r.URL.Path == "/missing":
			http.NotFound(w, r)
		case r.URL.Path == "/broken":
			http.Error(w, "secret words", http.StatusInternalServerError)
		case r.Header.Get("X-Key") != "1" || r.Header.Get("X-More") != "2" || user != "me" || password != "pw":
			http.Error(w, "", http.StatusForbidden)
		default:
			_, _ = io.WriteString(w, "path "+r.URL.RequestURI())
		}
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	store, err := storage.NewSet().Open("http", map[string]any{"X-More": "2", "auth": []any{"me", "pw"},
		"client_kwargs": map[string]any{"headers": map[string]any{"X-Key": "1"}}})
	require.NoError(t, err)
	require.Equal(t, "path /a//b?x=y", read(t, store, host+"/a//b?x=y"))
	for name, want := range map[string]bool{"/there": true, "/missing": false} {
		found, err := store.Exists(t.Context(), host+name)
		require.NoError(t, err)
		require.Equal(t, want, found)
	}
	_, err = store.Open(t.Context(), host+"/broken?token=secret")
	require.EqualError(t, err, "get from "+host+": the server says 500 Internal Server Error")
	require.ErrorContains(t, store.Replace(t.Context(), host+"/x", text("x")), "takes no files")
	anonymous, err := storage.NewSet().Open("http", nil)
	require.NoError(t, err)
	_, err = anonymous.Open(t.Context(), host+"/there")
	require.ErrorIs(t, err, fs.ErrPermission)
}

func TestDiskFollowsLinksToFilesOnly(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "file"), []byte("x"), 0o600))
	require.NoError(t, os.Symlink("file", filepath.Join(folder, "link")))
	require.NoError(t, os.Symlink(".", filepath.Join(folder, "circle")))
	names, err := storage.Disk{}.Find(t.Context(), folder)
	require.NoError(t, err)
	require.Equal(t, []string{folder + "/file", folder + "/link"}, names)
}

func TestDiskMovesAFileIn(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "from"), filepath.Join(t.TempDir(), "deep", "to")
	require.NoError(t, os.WriteFile(from, []byte("x"), 0o600))
	require.NoError(t, storage.Disk{}.Adopt(t.Context(), from, to))
	require.Equal(t, "x", read(t, storage.Disk{}, to))
	require.NoFileExists(t, from)
	_, err := storage.Disk{}.Open(t.Context(), filepath.Dir(to))
	require.ErrorContains(t, err, "is a directory")
	again := filepath.Join(t.TempDir(), "again")
	require.NoError(t, os.WriteFile(again, []byte("y"), 0o600))
	require.ErrorIs(t, storage.Disk{}.Adopt(t.Context(), again, filepath.Dir(to)), syscall.EISDIR)
}
