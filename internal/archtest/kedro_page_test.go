package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// apiIDs are the items of Kedro's session API, as the specification numbers them.
func apiIDs() []string {
	var ids []string
	for _, r := range [][2]int{{1, 6}, {10, 16}, {20, 26}, {30, 34}, {40, 46}, {50, 50}, {60, 76}, {80, 91}, {100, 103}, {110, 111}} {
		for n := r[0]; n <= r[1]; n++ {
			ids = append(ids, fmt.Sprintf("S-%03d", n))
		}
	}
	return ids
}

var (
	apiRow  = regexp.MustCompile(`(?m)^\| (S-\d+) \| .* \| (.*) \| ` + "`(Test\\w+)`" + ` \|$`)
	apiName = regexp.MustCompile("`(session|hook)((?:\\.[A-Z]\\w*)+)`")
)

// TestThePageOnKedroNamesTheSessionAPI: docs/kedro.md has a row for every item of Kedro's session API; the Go names in it
// exist, and so does the test, which mentions the item.
func TestThePageOnKedroNamesTheSessionAPI(t *testing.T) {
	page, err := os.ReadFile("../../docs/kedro.md")
	require.NoError(t, err)
	names := map[string]map[string]bool{"session": declaredNames(t, "../../session"), "hook": declaredNames(t, "../../hook")}
	tests := testTexts(t, "../../session")
	var ids []string
	for _, row := range apiRow.FindAllStringSubmatch(string(page), -1) {
		id, text, test := row[1], row[2], row[3]
		ids = append(ids, id)
		for _, name := range apiName.FindAllStringSubmatch(text, -1) {
			require.Truef(t, names[name[1]][name[2][1:]], "%s: there is no %s%s", id, name[1], name[2])
		}
		require.Containsf(t, tests, test, "%s: there is no %s", id, test)
		require.Containsf(t, tests[test], id, "%s doesn't say that it shows %s", test, id)
	}
	require.Equal(t, apiIDs(), ids)
}

// declaredNames are the exported names of a package: F, T, T.Method, T.Field.
func declaredNames(t *testing.T, dir string) map[string]bool {
	names := map[string]bool{}
	for _, file := range parseFolder(t, dir) {
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				names[strings.TrimPrefix(receiver(decl)+"."+decl.Name.Name, ".")] = true
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					if typ, ok := spec.(*ast.TypeSpec); ok {
						addType(names, typ)
					}
				}
			}
		}
	}
	return names
}

func addType(names map[string]bool, typ *ast.TypeSpec) {
	names[typ.Name.Name] = true
	var fields *ast.FieldList
	switch of := typ.Type.(type) {
	case *ast.StructType:
		fields = of.Fields
	case *ast.InterfaceType:
		fields = of.Methods
	default:
		return
	}
	for _, field := range fields.List {
		for _, name := range field.Names {
			names[typ.Name.Name+"."+name.Name] = true
		}
	}
}

// receiver is the type of a method, without its star; "" for a function.
func receiver(decl *ast.FuncDecl) string {
	if decl.Recv == nil {
		return ""
	}
	typ := decl.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if name, ok := typ.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

// testTexts are the tests of a folder by name, each with its comment.
func testTexts(t *testing.T, dir string) map[string]string {
	texts := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	require.NoError(t, err)
	for _, path := range paths {
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, source, parser.ParseComments)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") {
				texts[f.Name.Name] = f.Doc.Text() + string(source[set.Position(f.Pos()).Offset:set.Position(f.End()).Offset])
			}
		}
	}
	return texts
}

func parseFolder(t *testing.T, dir string) []*ast.File {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		files = append(files, file)
	}
	return files
}
