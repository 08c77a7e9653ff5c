package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sources parses each non-test file of the module and hands it to check.
func sources(t *testing.T, check func(rel string, fset *token.FileSet, f *ast.File)) {
	t.Helper()
	for _, p := range packages(t) {
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, file, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			check(strings.TrimPrefix(p.ImportPath, "gauntlet/")+"/"+filepath.Base(file), fset, f)
		}
	}
}

// Exported things are documented: the doc comment is where units, ranges and errors stand.
func TestExportedThingsAreDocumented(t *testing.T) {
	sources(t, func(rel string, fset *token.FileSet, f *ast.File) {
		for _, decl := range f.Decls {
			if name := undocumented(decl); name != "" {
				t.Errorf("%s:%d: %s is exported and has no doc comment", rel, fset.Position(decl.Pos()).Line, name)
			}
		}
	})
}

// undocumented names what is exported in decl and has no comment, or is "".
func undocumented(decl ast.Decl) string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && d.Recv == nil {
			return d.Name.Name
		}
	case *ast.GenDecl:
		if d.Doc != nil {
			return ""
		}
		for _, s := range d.Specs {
			if name := undocumentedSpec(s); name != "" {
				return name
			}
		}
	}
	return ""
}

func undocumentedSpec(s ast.Spec) string {
	switch s := s.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil {
			return s.Name.Name
		}
	case *ast.ValueSpec:
		if s.Names[0].IsExported() && s.Doc == nil && s.Comment == nil {
			return s.Names[0].Name
		}
	}
	return ""
}

func TestFunctionsStayShort(t *testing.T) {
	sources(t, func(rel string, fset *token.FileSet, f *ast.File) {
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1; n > 80 {
				t.Errorf("%s: %s has %d lines; more than 80 is more than one thing", rel, fn.Name.Name, n)
			}
		}
	})
}

// Who starts a goroutine waits for it: libraries use errgroup or WaitGroup.Go, never a bare go statement.
func TestNoBareGoInLibraries(t *testing.T) {
	sources(t, func(rel string, fset *token.FileSet, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok && !strings.HasPrefix(rel, "cmd/") {
				t.Errorf("%s:%d: bare go statement", rel, fset.Position(g.Pos()).Line)
			}
			return true
		})
	})
}

func TestInterfacesStaySmall(t *testing.T) {
	sources(t, func(rel string, fset *token.FileSet, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			if i, ok := n.(*ast.InterfaceType); ok && i.Methods.NumFields() > 5 {
				t.Errorf("%s:%d: an interface with %d methods; 5 at most", rel, fset.Position(i.Pos()).Line, i.Methods.NumFields())
			}
			return true
		})
	})
}

func TestFilesStaySmall(t *testing.T) {
	for _, p := range packages(t) {
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), "\n"); n > 400 {
				t.Errorf("%s has %d lines; more than 400 is more than one thing", file, n)
			}
		}
	}
}
