package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"syscall"
)

// web is files on http servers, to be read only.
type web struct {
	protocol       string
	client         *http.Client
	header         http.Header
	user, password string
}

// openWeb reads the options of fsspec's http: headers, also inside client_kwargs, and auth. Any other text is a header, which is
// what pandas makes of it.
func (s *Set) openWeb(o *options) (Store, error) {
	w := &web{protocol: o.protocol, client: s.client(), header: http.Header{}}
	client := o.mapping("client_kwargs")
	for _, from := range []*options{o, client} {
		headers := from.mapping("headers")
		for name := range headers.values {
			w.header.Set(name, headers.text(name))
		}
		w.login(from)
		o.failed(headers.done())
	}
	o.failed(client.done())
	for name, value := range o.values {
		if text, ok := value.(string); ok && name != "username" && name != "password" {
			o.ignore(name)
			w.header.Set(name, text)
		}
	}
	return w, o.done()
}

// login reads auth: [user, password], or username and password.
func (w *web) login(o *options) {
	switch auth := o.get("auth").(type) {
	case nil:
	case []any:
		if len(auth) == 2 {
			w.user, w.password = fmt.Sprint(auth[0]), fmt.Sprint(auth[1])
			return
		}
		o.fail("option auth of %s:// must be a user and a password, got %d values", o.protocol, len(auth))
	default:
		o.fail("option auth of %s:// must be a user and a password, got %T", o.protocol, auth)
	}
	if user := o.text("username"); user != "" {
		w.user, w.password = user, o.text("password")
	}
	o.ignore("password")
}

// Local is false.
func (*web) Local() bool { return false }

// Exists asks the server for the file and reads nothing of it.
func (w *web) Exists(ctx context.Context, name string) (bool, error) {
	file, err := w.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, file.Close()
}

// List fails: http knows no folders.
func (*web) List(context.Context, string) ([]string, error) { return nil, errReadOnly }

var errReadOnly = errors.New("http knows no folders and takes no files: name one file, and only load it")

// Replace fails: http is for reading.
func (*web) Replace(context.Context, string, func(io.Writer) error) error { return errReadOnly }

// Open asks the server for a file.
func (w *web) Open(ctx context.Context, name string) (Object, error) {
	name = w.protocol + "://" + name
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, name, nil)
	if err != nil {
		return nil, err
	}
	request.Header = w.header.Clone()
	if w.user != "" {
		request.SetBasicAuth(w.user, w.password)
	}
	response, err := w.client.Do(request)
	if err != nil {
		var failed *url.Error // its text holds the URL with all that is secret in it
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return nil, fmt.Errorf("get from %s: %w", request.URL.Host, err)
	}
	if response.StatusCode == http.StatusOK {
		return &spooled{source: response.Body}, nil
	}
	_ = response.Body.Close() // the status says enough
	switch response.StatusCode {
	case http.StatusNotFound, http.StatusGone:
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EACCES}
	}
	return nil, fmt.Errorf("get from %s: the server says %s", request.URL.Host, response.Status)
}
