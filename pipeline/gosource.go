package pipeline

import (
	"go/ast"
	"go/parser"
	"go/token"
	"runtime"
	"sync"
)

// goSource is the place of a Go function in its source, found when somebody asks for it.
type goSource struct {
	once        sync.Once // guards the fields below
	file        string
	first, last int
}

// Source is the file of the function as the compiler saw it, and its lines. The last line is known where the file is
// there to be read; elsewhere it is the first one.
func (f *goFunc) Source() (file string, first, last int) {
	s := &f.source
	s.once.Do(func() {
		fn := runtime.FuncForPC(f.value.Pointer())
		s.file, s.first = fn.FileLine(fn.Entry())
		s.last = lineOfEnd(s.file, s.first)
	})
	return s.file, s.first, s.last
}

// lineOfEnd reads where the function ends that begins at a line of a file.
func lineOfEnd(file string, first int) int {
	last := first
	positions := token.NewFileSet()
	parsed, err := parser.ParseFile(positions, file, nil, parser.SkipObjectResolution)
	if err != nil {
		return last
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			if positions.Position(n.Pos()).Line == first {
				last = max(last, positions.Position(n.End()).Line)
			}
		}
		return true
	})
	return last
}
