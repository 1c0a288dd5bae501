package config_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"

	"github.com/kedge-run/kedge/config"
)

func catalogOf(t *testing.T, opts config.Options) *config.Mapping {
	t.Helper()
	loader, err := config.NewLoader(opts)
	require.NoError(t, err)
	catalog, err := loader.Get("catalog")
	require.NoError(t, err)
	return catalog
}

func TestCacheAnswersTheSameMappingUntilAFileChanges(t *testing.T) {
	root := t.TempDir()
	write(t, root, files{"base/catalog.yml": "a: {p: 1}\nb: {p: '${globals:g}'}", "base/globals.yml": "g: 1"})
	opts := config.Options{ConfSource: root, BaseEnv: "base", DefaultRunEnv: "local", Cache: &config.Cache{Reload: true}}

	first := catalogOf(t, opts)
	require.Same(t, first, catalogOf(t, opts))
	opts.RuntimeParams = map[string]any{"rid": 1}
	require.Same(t, first, catalogOf(t, opts), "the catalog doesn't hang on runtime parameters")

	write(t, root, files{"base/catalog.yml": "a: {p: 1}\nb: {p: '${globals:g}'}"})
	require.Same(t, first, catalogOf(t, opts), "written again with the same content")
	write(t, root, files{"base/globals.yml": "g: 2"}) // same size, perhaps the same tick of the clock
	require.Equal(t, map[string]any{"a": map[string]any{"p": 1}, "b": map[string]any{"p": 2}}, catalogOf(t, opts).Plain())
	write(t, root, files{"local/catalog.yml": "a: 3"})
	require.Equal(t, 3, catalogOf(t, opts).Plain()["a"])
	require.NoError(t, os.Remove(filepath.Join(root, "local/catalog.yml")))
	require.Equal(t, map[string]any{"p": 1}, catalogOf(t, opts).Plain()["a"])
	write(t, root, files{"base/catalog.yml": "a: ["})
	loader, err := config.NewLoader(opts)
	require.NoError(t, err)
	_, err = loader.Get("catalog")
	requireError(t, err, "ParserError", "catalog.yml, unable to read line 1, position 0.")
}

func TestFoldersAreWalkedAtMostOnceIn100Milliseconds(t *testing.T) {
	root := t.TempDir()
	write(t, root, files{"base/catalog.yml": "a: 1"})
	synctest.Test(t, func(t *testing.T) {
		opts := config.Options{ConfSource: root, BaseEnv: "base", DefaultRunEnv: "local", Cache: &config.Cache{}}
		require.Equal(t, map[string]any{"a": 1}, catalogOf(t, opts).Plain())
		write(t, root, files{"base/catalog.yml": "a: 22"})
		require.Equal(t, map[string]any{"a": 1}, catalogOf(t, opts).Plain())
		<-time.After(100 * time.Millisecond)
		require.Equal(t, map[string]any{"a": 22}, catalogOf(t, opts).Plain())
	})
}

func TestWithoutACacheFilesAreReadAtEveryAccess(t *testing.T) { // CFG-007
	root := t.TempDir()
	write(t, root, files{"base/catalog.yml": "a: 1"})
	loader, err := config.NewLoader(config.Options{ConfSource: root, BaseEnv: "base", DefaultRunEnv: "local"})
	require.NoError(t, err)
	for want := range 5 {
		write(t, root, files{"base/catalog.yml": fmt.Sprintf("a: %d", want)})
		catalog, err := loader.Get("catalog")
		require.NoError(t, err)
		require.Equal(t, map[string]any{"a": want}, catalog.Plain())
	}
}

func TestRunsOverOneCacheNeverMix(t *testing.T) {
	root := t.TempDir()
	write(t, root, files{
		"base/catalog.yml":     "fixed: {p: '${globals:g}'}\nd: {p: 'x/${runtime_params:rid}', all: '${custom:}'}",
		"base/globals.yml":     "g: 1",
		"base/parameters.yml":  "rid: 0\nref: ${rid}\nkept: [1, 2]",
		"base/credentials.yml": "db: {key: '${oc.env:KEY}'}",
	})
	var cache config.Cache
	var wait sync.WaitGroup
	for run := range 8 {
		wait.Go(func() {
			for i := range 200 {
				rid := run*1000 + i
				opts := config.Options{ConfSource: root, BaseEnv: "base", DefaultRunEnv: "local", Cache: &cache,
					RuntimeParams: map[string]any{"rid": rid},
					Resolvers:     map[string]config.Resolver{"custom": func([]any) (any, error) { return rid, nil }},
					LookupEnv:     func(string) (string, bool) { return fmt.Sprint(rid), true }}
				loader, err := config.NewLoader(opts)
				if err != nil {
					t.Error(err)
					return
				}
				for key, want := range map[string]string{
					"catalog":     fmt.Sprintf("map[d:map[all:%d p:x/%d] fixed:map[p:1]]", rid, rid),
					"parameters":  fmt.Sprintf("map[kept:[1 2] ref:%d rid:%d]", rid, rid),
					"credentials": fmt.Sprintf("map[db:map[key:%d]]", rid),
				} {
					value, err := loader.Get(key)
					if got := fmt.Sprint(value.Plain()); err != nil || got != want {
						t.Errorf("run %d: %s is %s (%v), want %s", rid, key, got, err, want)
						return
					}
				}
			}
		})
	}
	wait.Wait()
}

func TestWhatIsReturnedCannotBeChanged(t *testing.T) {
	root := t.TempDir()
	write(t, root, files{"base/catalog.yml": "a: [1, [2]]\nb: {c: [3]}"})
	opts := config.Options{ConfSource: root, BaseEnv: "base", DefaultRunEnv: "base", Cache: &config.Cache{}}
	first := catalogOf(t, opts)
	list, ok := first.Get("a")
	require.True(t, ok)
	list.([]any)[0] = "changed"
	list.([]any)[1].([]any)[0] = "changed"
	for _, value := range first.All() {
		if list, ok := value.([]any); ok {
			list[0] = "changed"
		}
	}
	plain := first.Plain()
	plain["b"].(map[string]any)["c"].([]any)[0] = "changed"
	require.Equal(t, map[string]any{"a": []any{1, []any{2}}, "b": map[string]any{"c": []any{3}}}, catalogOf(t, opts).Plain())
}

// pack makes an archive with the files of a small project.
func pack(t *testing.T, name, prefix string) string {
	t.Helper()
	content := []struct{ name, text string }{
		{"base/catalog.yml", "a: 1"}, {"base/parameters.yml", "p: ${q}\nq: 2"}, {"local/catalog.yml", "a: 2"}, {"local/.x/catalog.yml", "no: 1"},
	}
	var out bytes.Buffer
	if filepath.Ext(name) == ".zip" {
		z := zip.NewWriter(&out)
		for _, c := range content {
			w, err := z.Create(prefix + c.name)
			require.NoError(t, err)
			_, err = w.Write([]byte(c.text))
			require.NoError(t, err)
		}
		require.NoError(t, z.Close())
	} else {
		packTar(t, &out, name, func(add func(name, text string)) {
			for _, c := range content {
				add(prefix+c.name, c.text)
			}
		})
	}
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, out.Bytes(), 0o644))
	return path
}

func packTar(t *testing.T, out *bytes.Buffer, name string, fill func(add func(name, text string))) {
	t.Helper()
	var packed io.WriteCloser = gzip.NewWriter(out)
	switch filepath.Ext(name) {
	case ".tar":
		packed = unpacked{out}
	case ".xz":
		var err error
		packed, err = xz.NewWriter(out)
		require.NoError(t, err)
	}
	w := tar.NewWriter(packed)
	fill(func(name, text string) {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}))
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
	})
	require.NoError(t, w.Close())
	require.NoError(t, packed.Close())
}

// unpacked is a tar file as it is.
type unpacked struct{ io.Writer }

func (unpacked) Close() error { return nil }

func TestArchives(t *testing.T) { // CFG-070
	for _, name := range []string{"conf.zip", "conf.tar", "conf.tar.gz", "conf.tgz", "conf.tar.xz"} {
		t.Run(name, func(t *testing.T) {
			opts := config.Options{ConfSource: pack(t, name, "conf/"), BaseEnv: "base", DefaultRunEnv: "local", Cache: &config.Cache{Reload: true}}
			first := catalogOf(t, opts)
			require.Equal(t, map[string]any{"a": 2}, first.Plain())
			require.Same(t, first, catalogOf(t, opts))
			loader, err := config.NewLoader(opts)
			require.NoError(t, err)
			params, err := loader.Get("parameters")
			require.NoError(t, err)
			require.Equal(t, map[string]any{"p": 2, "q": 2}, params.Plain())

			loader, err = config.NewLoader(config.Options{ConfSource: pack(t, name, "./"), BaseEnv: "base", DefaultRunEnv: "local"})
			require.NoError(t, err)
			_, err = loader.Get("catalog")
			requireError(t, err, "MissingConfigException", "is not a valid directory: base")
		})
	}
	_, err := config.NewLoader(config.Options{ConfSource: filepath.Join(t.TempDir(), "gone.zip")})
	require.ErrorContains(t, err, "open configuration archive")
	broken := filepath.Join(t.TempDir(), "broken.tar.xz")
	require.NoError(t, os.WriteFile(broken, []byte("x"), 0o644))
	_, err = config.NewLoader(config.Options{ConfSource: broken})
	require.ErrorContains(t, err, "read configuration archive "+broken)
}

func TestLinksAreFollowedAndCirclesEnd(t *testing.T) {
	root := t.TempDir()
	write(t, root, files{"base/catalog.yml": "a: 1", "shared/catalog_more.yml": "b: 1"})
	require.NoError(t, os.Symlink(filepath.Join(root, "shared/catalog_more.yml"), filepath.Join(root, "base/catalog_link.yml")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(root, "base/catalog_dangling.yml")))
	require.NoError(t, os.Symlink(filepath.Join(root, "base"), filepath.Join(root, "base/circle")))
	loader, err := config.NewLoader(config.Options{ConfSource: root, BaseEnv: "base", DefaultRunEnv: "base"})
	require.NoError(t, err)
	_, err = loader.Get("catalog")
	requireError(t, err, "ValueError", "Duplicate keys found in") // the circle shows the file again, as in Kedro
}
