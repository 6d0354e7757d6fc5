package native

import (
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page answers "/": what this is, and how to log in.
func (s *service) page(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	h.Set("X-Content-Type-Options", "nosniff")
	// The client that went away is the only one who could be told of an error.
	_ = pageTemplate.Execute(w, struct{ Host, Version string }{r.Host, s.System.Version()})
}
