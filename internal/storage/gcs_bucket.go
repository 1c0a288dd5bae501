package storage

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// gcsBucket is a driver of gocloud.dev/blob over the JSON interface of Google Cloud Storage.
type gcsBucket struct {
	client *http.Client
	base   string // URL of the service, without a slash at the end
	bucket string
}

var _ driver.Bucket = (*gcsBucket)(nil)

// gcsError is an answer of the service that isn't a success.
type gcsError struct {
	status int
	text   string // of the service
}

func (e *gcsError) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("the server says %d %s: %s", e.status, http.StatusText(e.status), e.text), ": ")
}

var errNotSupported = errors.New("not supported")

func (*gcsBucket) ErrorCode(err error) gcerrors.ErrorCode {
	var answer *gcsError
	switch {
	case errors.Is(err, errNotSupported):
		return gcerrors.Unimplemented
	case !errors.As(err, &answer):
		return gcerrors.Unknown
	}
	switch answer.status {
	case http.StatusNotFound:
		return gcerrors.NotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return gcerrors.PermissionDenied
	case http.StatusBadRequest:
		return gcerrors.InvalidArgument
	case http.StatusPreconditionFailed:
		return gcerrors.FailedPrecondition
	case http.StatusTooManyRequests:
		return gcerrors.ResourceExhausted
	}
	return gcerrors.Unknown
}

func (*gcsBucket) As(any) bool             { return false }
func (*gcsBucket) ErrorAs(error, any) bool { return false }
func (*gcsBucket) Close() error            { return nil }

func (b *gcsBucket) object(key string) string {
	return b.objects("/storage") + "/" + url.PathEscape(key)
}

func (b *gcsBucket) objects(service string) string {
	return b.base + service + "/v1/b/" + url.PathEscape(b.bucket) + "/o"
}

const (
	gcsTries = 5
	gcsPause = 200 * time.Millisecond // before the second try, doubled for each one after it
)

// do sends a request, again when the service asks for patience, and returns an answer of the 200s, or 308 for a part of an upload.
func (b *gcsBucket) do(ctx context.Context, method, address string, header http.Header, body []byte) (*http.Response, error) {
	for try := 1; ; try++ {
		response, err := b.once(ctx, method, address, header, body)
		var answer *gcsError
		patience := err != nil && (!errors.As(err, &answer) || answer.status == http.StatusRequestTimeout ||
			answer.status == http.StatusTooManyRequests || answer.status >= 500)
		if !patience || try == gcsTries || ctx.Err() != nil {
			return response, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(gcsPause << (try - 1)):
		}
	}
}

func (b *gcsBucket) once(ctx context.Context, method, address string, header http.Header, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := b.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 == 2 || response.StatusCode == http.StatusPermanentRedirect {
		return response, nil
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 500))
	return nil, &gcsError{status: response.StatusCode, text: strings.TrimSpace(string(text))}
}

// gcsObject is what the service tells about an object.
type gcsObject struct {
	Name        string    `json:"name"`
	Size        int64     `json:"size,string"`
	Updated     time.Time `json:"updated"`
	ContentType string    `json:"contentType"`
}

func (b *gcsBucket) ask(ctx context.Context, address string, into any) error {
	response, err := b.do(ctx, http.MethodGet, address, nil, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}

func (b *gcsBucket) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	var found gcsObject
	if err := b.ask(ctx, b.object(key), &found); err != nil {
		return nil, err
	}
	return &driver.Attributes{ContentType: cmp.Or(found.ContentType, "application/octet-stream"), ModTime: found.Updated, Size: found.Size}, nil
}

func (b *gcsBucket) ListPaged(ctx context.Context, opts *driver.ListOptions) (*driver.ListPage, error) {
	query := url.Values{"prefix": {opts.Prefix}, "delimiter": {opts.Delimiter}, "pageToken": {string(opts.PageToken)}}
	if opts.PageSize > 0 {
		query.Set("maxResults", strconv.Itoa(opts.PageSize))
	}
	var page struct {
		Items         []gcsObject `json:"items"`
		Prefixes      []string    `json:"prefixes"`
		NextPageToken string      `json:"nextPageToken"`
	}
	if err := b.ask(ctx, b.objects("/storage")+"?"+query.Encode(), &page); err != nil {
		return nil, err
	}
	out := &driver.ListPage{NextPageToken: []byte(page.NextPageToken)}
	for _, item := range page.Items {
		out.Objects = append(out.Objects, &driver.ListObject{Key: item.Name, ModTime: item.Updated, Size: item.Size})
	}
	for _, prefix := range page.Prefixes {
		out.Objects = append(out.Objects, &driver.ListObject{Key: prefix, IsDir: true})
	}
	slices.SortFunc(out.Objects, func(a, b *driver.ListObject) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

// gcsReader reads the content of an object.
type gcsReader struct {
	io.ReadCloser
	attributes driver.ReaderAttributes
}

func (r *gcsReader) Attributes() *driver.ReaderAttributes { return &r.attributes }
func (r *gcsReader) As(any) bool                          { return false }

func (b *gcsBucket) NewRangeReader(ctx context.Context, key string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	header := http.Header{}
	if offset > 0 || length > 0 {
		end := ""
		if length > 0 {
			end = strconv.FormatInt(offset+length-1, 10)
		}
		header.Set("Range", fmt.Sprintf("bytes=%d-%s", offset, end))
	}
	response, err := b.do(ctx, http.MethodGet, b.object(key)+"?alt=media", header, nil) //nolint:bodyclose // whoever reads it closes it
	if err != nil {
		return nil, err
	}
	r := &gcsReader{ReadCloser: response.Body, attributes: driver.ReaderAttributes{
		ContentType: cmp.Or(response.Header.Get("Content-Type"), "application/octet-stream"), Size: response.ContentLength}}
	if _, whole, ok := strings.Cut(response.Header.Get("Content-Range"), "/"); ok {
		r.attributes.Size, _ = strconv.ParseInt(whole, 10, 64)
	}
	return r, nil
}

func (b *gcsBucket) NewTypedWriter(ctx context.Context, key, contentType string, opts *driver.WriterOptions) (driver.Writer, error) {
	if opts.BeforeWrite != nil {
		if err := opts.BeforeWrite(func(any) bool { return false }); err != nil {
			return nil, err
		}
	}
	return &gcsWriter{ctx: ctx, bucket: b, key: key, contentType: contentType, once: opts.IfNotExist}, nil
}

func (*gcsBucket) Copy(context.Context, string, string, *driver.CopyOptions) error {
	return errNotSupported
}

func (b *gcsBucket) Delete(ctx context.Context, key string, _ *driver.DeleteOptions) error {
	response, err := b.do(ctx, http.MethodDelete, b.object(key), nil, nil)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func (*gcsBucket) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errNotSupported
}
