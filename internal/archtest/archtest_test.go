package archtest

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// goPackage is what we read of `go list -json`.
type goPackage struct {
	ImportPath, Dir, Doc, Name string
	Imports                    []string
	GoFiles                    []string
	TestGoFiles, XTestGoFiles  []string
}

func (p goPackage) short() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json", module+"/...").Output()
	require.NoError(t, err)
	var all []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := dec.Decode(&p)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		all = append(all, p)
	}
	require.NotEmpty(t, all)
	return all
}

func TestImportsGoOneWay(t *testing.T) {
	for _, p := range listPackages(t) {
		if free(p.short()) {
			continue
		}
		for _, imported := range p.Imports {
			if to, ours := ourPackage(imported); ours {
				ok, reason := mayImport(p.short(), to)
				require.Truef(t, ok, "%s imports %s: %s", p.ImportPath, imported, reason)
			}
		}
	}
}

func TestSmallPackagesStaySmall(t *testing.T) {
	for _, p := range listPackages(t) {
		modules, restricted := outside[p.short()]
		if !restricted {
			continue
		}
		for _, imported := range p.Imports {
			_, ours := ourPackage(imported)
			standard := !strings.Contains(strings.Split(imported, "/")[0], ".")
			require.Truef(t, ours || standard || slices.Contains(modules, imported),
				"%s imports %s: it may use the standard library and %v only", p.ImportPath, imported, modules)
		}
	}
}

func ourPackage(path string) (string, bool) {
	if path == module {
		return "", true
	}
	rest, ours := strings.CutPrefix(path, module+"/")
	return rest, ours
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range listPackages(t) {
		if len(p.GoFiles) == 0 {
			continue
		}
		require.NotEmptyf(t, p.Doc, "%s has no package comment", p.ImportPath)
	}
}

// source is one parsed Go file of the module, tests included.
type source struct {
	path string
	set  *token.FileSet
	file *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, root := range []string{"../.."} {
		require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == "testdata" || d.Name() == "bin" || strings.HasPrefix(d.Name(), ".") && path != root) {
				return filepath.SkipDir
			}
			if d.IsDir() || !strings.HasSuffix(path, ".go") {
				return nil
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			all = append(all, source{path: path, set: set, file: file})
			return nil
		}))
	}
	require.NotEmpty(t, all)
	return all
}

func TestNoTestSleeps(t *testing.T) {
	for _, s := range sources(t) {
		if !strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" {
				x, isIdent := sel.X.(*ast.Ident)
				require.Falsef(t, isIdent && x.Name == "time",
					"%s sleeps: wait for the event, with a deadline, or use testing/synctest", s.set.Position(sel.Pos()))
			}
			return true
		})
	}
}

func TestNothingIsRegisteredByInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, decl := range s.file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			require.Falsef(t, ok && fn.Name.Name == "init" && fn.Recv == nil,
				"%s has an init function: a registry is a value, so that two projects can live in one process", s.path)
		}
	}
}

// Sizes above which a file or a function is about more than one thing.
const maxFileLines, maxFuncLines = 800, 80

func TestFilesAndFunctionsAreSmall(t *testing.T) {
	for _, s := range sources(t) {
		text, err := os.ReadFile(s.path)
		require.NoError(t, err)
		lines := bytes.Count(text, []byte("\n"))
		require.LessOrEqualf(t, lines, maxFileLines, "%s has %d lines: split it by subject", s.path, lines)
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		for _, decl := range s.file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			length := s.set.Position(fn.End()).Line - s.set.Position(fn.Pos()).Line
			require.LessOrEqualf(t, length, maxFuncLines, "%s: %s has %d lines", s.path, fn.Name.Name, length)
		}
	}
}

func TestNoUnfinishedWork(t *testing.T) {
	marks := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X:"}
	for _, s := range sources(t) {
		for _, group := range s.file.Comments {
			for _, mark := range marks {
				require.Falsef(t, strings.Contains(group.Text(), mark), "%s: %s in a comment: file an issue instead",
					s.set.Position(group.Pos()), mark)
			}
		}
	}
}
